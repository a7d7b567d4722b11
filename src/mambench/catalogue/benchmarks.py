"""A benchmark's folder -> its spec, validated: a mistake, also in a formula, is told with file, line and field."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from mambench.catalogue.fields import Table, nearest
from mambench.catalogue.formula import evaluate
from mambench.catalogue.names import devices_of, name_of
from mambench.catalogue.presets import PRESETS
from mambench.catalogue.sizes import UNITS, parameters_of
from mambench.errors import UsageError
from mambench.model import (
    DTYPES,
    Amounts,
    Benchmark,
    BenchmarkSpec,
    CheckSpec,
    Kernel,
    MatrixSpec,
    Parameter,
)

FILE = "benchmark.toml"

STOCK_CHECKS = ("matmul", "solve", "unitary", "exact")
"""Checks of ours, in resources/worker/check_*.py."""

KINDS_OF_WORK, KINDS_OF_PRESETS = ("flops", "bytes", "items"), ("cpu", "gpu")
RESERVED = ("itemsize", "dtype", "device", "seed", "threads", "settings", "check")


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
            name=name_of(file.parent.name, file),
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
        if not os.path.isfile(file.parent / kernel.file):  # False for what cannot be a name, too
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
    if file and not os.path.isfile(folder / file):
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
        kernels[framework] = Kernel(entry.text("file"), entry.text("module", default=framework), devices_of(entry))
    return kernels
