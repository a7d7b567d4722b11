"""TOML -> specs, validated: a mistake is told with its file, line and field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mambench.catalogue.fields import Table, nearest
from mambench.catalogue.formula import evaluate
from mambench.catalogue.presets import PRESETS
from mambench.catalogue.sizes import UNITS, parameters_of
from mambench.catalogue.tested import TESTED
from mambench.errors import ManifestError, UsageError
from mambench.model import (
    DTYPES,
    Amounts,
    Benchmark,
    BenchmarkSpec,
    BrokenFile,
    Catalogue,
    CheckSpec,
    CondaRecipe,
    CudaNeeds,
    DeviceKind,
    EnvironmentSpec,
    Kernel,
    MatrixSpec,
    Parameter,
    PypiRecipe,
    Variables,
)

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "win-arm64")
FILE = "benchmark.toml"

STOCK_CHECKS = ("matmul", "solve", "unitary", "exact")
"""Checks of ours, in resources/worker/check_*.py."""

KINDS_OF_WORK, KINDS_OF_PRESETS = ("flops", "bytes", "items"), ("cpu", "gpu")
RESERVED = ("itemsize", "dtype", "device", "seed", "threads", "settings", "check")

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*\Z")
NAMING = "use small letters, digits, dashes, dots and underscores"


def load_catalogue(builtin: tuple[Path, Path], user: tuple[Path, Path]) -> Catalogue:
    """Everything in the two pairs of folders (benchmarks, environments); the user's replace ours by name.

    A broken file of the user disables itself only and is listed in `broken`; a broken one of ours raises.
    A stack of ours that has no kernel in the user's benchmarks is left out.
    """
    broken: list[BrokenFile] = []
    benchmarks: dict[str, BenchmarkSpec] = {}
    environments: dict[str, EnvironmentSpec] = {}
    kernels: dict[str, dict[str, tuple[str, ...]]] = {}
    for origin, (benchmark_folder, _) in (("builtin", builtin), ("home", user)):
        for file in _found(benchmark_folder, f"*/{FILE}"):
            name = file.parent.name
            _take(benchmarks, name, file, partial(load_benchmark, instead_of=benchmarks.get(name)), origin, broken)
        kernels[origin] = _kernel_devices(benchmarks.values())
    for origin, (_, environment_folder) in (("builtin", builtin), ("home", user)):
        load = partial(load_environment, kernels=kernels[origin])
        for file in _found(environment_folder, "*.toml"):
            _take(environments, file.stem, file, load, origin, broken)
    # A benchmark of the user may have taken the place of the one that had a kernel for a stack of ours.
    left = {name: each for name, each in environments.items() if _can_run(each, kernels["home"])}
    return Catalogue(benchmarks, left, tuple(broken))


def load_environment(
    file: Path, origin: str = "builtin", *, kernels: Mapping[str, Iterable[str]] | None = None
) -> EnvironmentSpec:
    """The stack in one TOML file; `kernels` are those that exist, with their devices. Raises ManifestError."""
    table = Table.read(file)
    dated = table.table("tested") if table.is_table("tested") else None
    tested_on = _tested_on(dated) if dated is not None else {}
    spec = EnvironmentSpec(
        name=_name(file.stem, file),
        title=table.text("title"),
        kernel=table.text("kernel"),
        devices=_devices(table),
        platforms=table.texts("platforms", choices=PLATFORMS),
        tested=bool(tested_on) if dated is not None else table.flag("tested", default=False),
        origin=origin,
        conda=_conda(table.table("conda")),
        pypi=_pypi(table.table("pypi")),
        cuda=_cuda(table.table("cuda")),
        expect=table.strings("expect"),
        file=file,
        tested_on=tested_on,
        settings=_settings(table.table("settings")),
        instead=table.text("instead", default=""),
    )
    table.finish()
    if not spec.sources:
        raise ManifestError(f"{file}: neither [conda] nor [pypi] is there", remedy="add one of the two tables")
    if kernels is not None and spec.kernel not in kernels:
        raise table.error("kernel", f"there is no {spec.kernel!r}; {nearest(spec.kernel, kernels)}")
    if kernels is not None and not _can_run(spec, kernels):
        able = ", ".join(dict.fromkeys(kernels[spec.kernel]))
        raise table.error("devices", f"the kernel {spec.kernel} runs on {able} only")
    return spec


def load_benchmark(file: Path, origin: str = "builtin", *, instead_of: BenchmarkSpec | None = None) -> BenchmarkSpec:
    """The benchmark in one folder; what its file leaves out is that of the one whose place it takes.

    Raises ManifestError.
    """
    table = Table.read(file)
    if instead_of is not None:
        table.fill(Table.read(instead_of.folder / FILE), except_for=("title", "kernels"))
    parameters = _parameters(table)
    size = table.texts("size", choices=tuple(parameters))
    unit = table.text("unit")
    spec = BenchmarkSpec(
        about=Benchmark(
            name=_name(file.parent.name, file),
            title=table.text("title"),
            unit=unit,
            origin=origin,
            description=table.text("description", default=""),
            limit=table.text("limit", default=""),
        ),
        folder=file.parent,
        kernels=_kernels(table),
        work=_work(table, unit),
        memory=table.text("memory"),
        dtypes=table.texts("dtypes", choices=tuple(DTYPES)),
        parameters=parameters,
        size=size,
        shape=table.texts("shape", choices=tuple(parameters), default=size),
        operands=_matrices(table, "operands"),
        result=_result(table),
        check=_check(table, file.parent),
        presets=_presets(table, size, parameters),
        items_in_unit=table.number("items_in_unit") or 1,
    )
    table.finish()
    for framework, kernel in spec.kernels.items():
        if not (file.parent / kernel.file).is_file():
            raise table.error(f"kernels.{framework}", f"there is no file {kernel.file} in {file.parent}")
    _try_formulas(spec, table)
    return spec


def _parameters(table: Table) -> Mapping[str, Parameter]:
    """Whole numbers, or tables of a default with what is taken."""
    entries = _needed(table, "parameters")
    parameters = {}
    for name in entries.names:
        if not name.isidentifier() or name in RESERVED:
            raise entries.error(name, "this cannot be the name of a parameter")
        if not entries.is_table(name):
            parameters[name] = Parameter(entries.number(name) or 1)
            continue
        entry = entries.table(name)
        assert entry is not None
        parameters[name] = Parameter(
            entry.number("default") or 1, entry.number("least") or 1, entry.number("multiple") or 1
        )
    return parameters


def _work(table: Table, unit: str) -> Mapping[str, str]:
    work = _needed(table, "work")
    kind, _ = UNITS.get(unit, ("items", 1))
    if unit not in UNITS and not unit.endswith("/s"):
        raise table.error("unit", f"{unit!r} is neither {' nor '.join(UNITS)} nor something /s")
    for name in work.names:
        if name not in KINDS_OF_WORK:
            raise work.error(name, f"there is no {name!r}; {nearest(name, KINDS_OF_WORK)}")
    formulas = {name: work.text(name) for name in work.names}
    if kind not in formulas:
        raise table.error("work", f"{unit} needs a formula of {kind}")
    return formulas


def _matrices(table: Table, field: str) -> tuple[MatrixSpec, ...]:
    entries = table.table(field)
    if entries is None:
        return ()
    matrices = []
    for name in entries.names:
        entry = entries.table(name)
        assert entry is not None
        changes, symmetric = entry.number("changes") or 0, entry.flag("symmetric", default=False)
        random = entry.flag("random", default=True)
        matrices.append(MatrixSpec(name, entry.text("rows"), entry.text("columns"), changes, random, symmetric))
    return tuple(matrices)


def _result(table: Table) -> MatrixSpec:
    matrices = _matrices(table, "result")
    if len(matrices) != 1:
        raise table.error("result", "there has to be one, with its rows and columns")
    return matrices[0]


def _check(table: Table, folder: Path) -> CheckSpec:
    entry = _needed(table, "check")
    stock = entry.text("stock", default="")
    if bool(stock) == ("file" in entry.names):
        raise table.error("check", "it needs either `stock` or `file`")
    if stock and stock not in STOCK_CHECKS:
        raise entry.error("stock", f"there is no {stock!r}; {nearest(stock, STOCK_CHECKS)}")
    file = "" if stock else entry.text("file")
    if file and not (folder / file).is_file():
        raise entry.error("file", f"there is no file {file} in {folder}")
    return CheckSpec(stock, file, entry.anything(except_for=("stock", "file")))


def _presets(table: Table, size: tuple[str, ...], known: Mapping[str, Parameter]) -> dict[str, dict[str, Amounts]]:
    """By preset and kind of device; a preset that is missing has the sizes of the one before it."""
    presets: dict[str, dict[str, Amounts]] = {}
    entries = table.table("presets")
    dtypes = table.texts("dtypes")
    latest = {kind: Amounts(({},), dtypes[:1]) for kind in KINDS_OF_PRESETS}
    for name in PRESETS:
        entry = entries.table(name) if entries is not None else None
        if entry is not None:
            latest = {kind: _amounts(entry.table(kind), size, known, dtypes, latest[kind]) for kind in KINDS_OF_PRESETS}
        presets[name] = latest
    return presets


def _amounts(
    table: Table | None, size: tuple[str, ...], known: Mapping[str, Parameter], dtypes: tuple[str, ...], before: Amounts
) -> Amounts:
    if table is None:
        return before
    sizes: list[Mapping[str, int]] = []
    for entry in table.numbers("sizes"):
        if isinstance(entry, int):
            sizes.append(dict.fromkeys(size, entry))
            continue
        if strange := next((name for name in entry if name not in known), None):
            raise table.error("sizes", f"there is no parameter {strange!r}; {nearest(strange, known)}")
        sizes.append(entry)
    return Amounts(tuple(sizes), table.texts("dtypes", choices=dtypes))


def _try_formulas(spec: BenchmarkSpec, table: Table) -> None:
    """Every formula with the defaults and with each size of the presets: what is wrong is told now, with its line."""
    sizes: dict[str, list[Mapping[str, int]]] = {"parameters": [{}]}
    for preset, kinds in spec.presets.items():
        for kind, amounts in kinds.items():
            sizes.setdefault(f"presets.{preset}.{kind}.sizes", []).extend(amounts.sizes)
    for field, size in ((field, size) for field, several in sizes.items() for size in several):
        try:
            params = parameters_of(spec, size)
        except UsageError as error:
            raise table.error(field, str(error)) from error
        values = {**params, "itemsize": DTYPES[spec.dtypes[0]]}
        matrices = [(f"operands.{each.name}", each) for each in spec.operands]
        matrices.append((f"result.{spec.result.name}", spec.result))
        formulas = {f"work.{kind}": formula for kind, formula in spec.work.items()}
        formulas["memory"] = spec.memory
        formulas |= {f"{where}.rows": each.rows for where, each in matrices}
        formulas |= {f"{where}.columns": each.columns for where, each in matrices}
        for where, formula in formulas.items():
            try:
                if evaluate(formula, values) <= 0:
                    raise ValueError(f"{formula!r} gives nothing with {params}")
            except ValueError as error:
                raise table.error(where, str(error)) from error


def _needed(table: Table, field: str) -> Table:
    entry = table.table(field)
    if entry is None or not entry.names:
        raise table.error(field, "this table is missing")
    return entry


def _kernels(table: Table) -> Mapping[str, Kernel]:
    frameworks = _needed(table, "kernels")
    kernels = {}
    for framework in frameworks.names:
        entry = frameworks.table(framework)
        assert entry is not None
        kernels[framework] = Kernel(entry.text("file"), entry.text("module", default=framework), _devices(entry))
    return kernels


def _conda(table: Table | None) -> CondaRecipe | None:
    if table is None:
        return None
    return CondaRecipe(
        channels=table.texts("channels"),
        packages=table.texts("packages"),
        platforms=table.texts("platforms", choices=PLATFORMS, default=()),
        variables=_variables(table.table("variables")),
        megabytes=table.number("megabytes"),
        longest_paths=_longest_paths(table.table("longest_paths")),
    )


def _pypi(table: Table | None) -> PypiRecipe | None:
    if table is None:
        return None
    return PypiRecipe(
        python=_specifier(table, "python"),
        packages=table.texts("packages"),
        torch_backend=table.text("torch_backend", default="") or None,
        exclude_newer=table.text("exclude_newer", default="") or None,
        platforms=table.texts("platforms", choices=PLATFORMS, default=()),
        variables=_variables(table.table("variables")),
        megabytes=table.number("megabytes"),
        longest_paths=_longest_paths(table.table("longest_paths")),
    )


def _variables(table: Table | None) -> Variables:
    """Those of every platform, and those in a table of one, such as `[conda.variables.linux-64]`."""
    if table is None:
        return Variables()
    tables = [name for name in table.names if table.is_table(name)]
    for name in tables:
        if name not in PLATFORMS:
            raise table.error(name, f"there is no {name!r}; {nearest(name, PLATFORMS)}")
    everywhere = {name: table.text(name, default="") for name in table.names if name not in tables}
    return Variables(everywhere, {name: table.strings(name) for name in tables})


def _settings(table: Table | None) -> Mapping[str, Any]:
    return {} if table is None else table.anything()


def _tested_on(table: Table) -> Mapping[str, str]:
    """When it was run, by platform."""
    days = {name: table.text(name) for name in table.names}
    for name, day in days.items():
        if name not in PLATFORMS:
            raise table.error(name, f"there is no {name!r}; {nearest(name, PLATFORMS)}")
        if not TESTED.fullmatch(day):
            raise table.error(name, f"{day!r} is neither a date such as 2026-11-21 nor one with ' under wine'")
    return days


def _longest_paths(table: Table | None) -> Mapping[str, int]:
    return {} if table is None else {name: table.number(name) or 0 for name in table.names}


def _specifier(table: Table, field: str) -> str:
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = table.text(field)
    try:
        SpecifierSet(text)
    except InvalidSpecifier as error:
        raise table.error(field, f"{text!r} is no version specifier such as '>=3.11,<3.15'") from error
    return text


def _cuda(table: Table | None) -> CudaNeeds | None:
    return None if table is None else CudaNeeds(table.text("version"), table.text("compute_capability"))


def _devices(table: Table) -> tuple[DeviceKind, ...]:
    return tuple(DeviceKind(word) for word in table.texts("devices", choices=tuple(DeviceKind)))


def is_name(name: str) -> bool:
    """Whether a benchmark or a stack can be called so."""
    return _NAME.match(name) is not None


def _name(name: str, file: Path) -> str:
    if not is_name(name):
        raise ManifestError(f"{file}: {name!r} cannot be a name", remedy=NAMING)
    return name


def _kernel_devices(benchmarks: Iterable[BenchmarkSpec]) -> dict[str, tuple[str, ...]]:
    devices: dict[str, tuple[str, ...]] = {}
    for benchmark in benchmarks:
        for framework, kernel in benchmark.kernels.items():
            devices[framework] = (*devices.get(framework, ()), *kernel.devices)
    return devices


def _can_run(spec: EnvironmentSpec, kernels: Mapping[str, Iterable[str]]) -> bool:
    return bool(set(spec.devices) & set(kernels.get(spec.kernel, ())))


def _found(folder: Path, pattern: str) -> list[Path]:
    return sorted(folder.glob(pattern)) if folder.is_dir() else []


def _take(
    into: dict[str, Any],
    name: str,
    file: Path,
    load: Callable[[Path, str], Any],
    origin: str,
    broken: list[BrokenFile],
) -> None:
    try:
        spec = load(file, origin)
    except ManifestError as error:
        if origin == "builtin":
            raise
        broken.append(BrokenFile(name, f"{error} (it is left out; {error.remedy})"))
        return
    into[name] = spec
