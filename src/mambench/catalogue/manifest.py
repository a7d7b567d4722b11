"""Folders of TOML -> the catalogue, and stacks, validated: a mistake is told with its file, line and field."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mambench.catalogue.benchmarks import FILE, load_benchmark
from mambench.catalogue.fields import Table, nearest, shown
from mambench.catalogue.names import devices_of, name_of
from mambench.catalogue.tested import TESTED
from mambench.errors import ManifestError
from mambench.model import (
    BenchmarkSpec,
    BrokenFile,
    Catalogue,
    CondaRecipe,
    CudaNeeds,
    EnvironmentSpec,
    PypiRecipe,
    Variables,
)

PLATFORMS = ("linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64", "win-arm64")


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
        name=name_of(file.stem, file),
        title=table.text("title"),
        kernel=table.text("kernel"),
        devices=devices_of(table),
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
    by_platform = {name: table.strings(name) for name in tables}
    for names in (everywhere, *by_platform.values()):
        for name in names:
            if not name or "=" in name:
                raise table.error(name, "this cannot be the name of a variable")
    return Variables(everywhere, by_platform)


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
    return None if table is None else CudaNeeds(_version(table, "version"), _version(table, "compute_capability"))


def _version(table: Table, field: str) -> str:
    text = table.text(field)
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})*", text):
        raise table.error(field, f"{shown(text)} is no version such as 12.8")
    return text


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
        broken.append(BrokenFile(name, f"broken: {error} (it is left out; {error.remedy})"))
        return
    into[name] = spec
