"""A benchmark's parameters -> a Size, smaller ones for the probe, and what a worker is told of operands. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import Any

from mambench.catalogue.formula import evaluate
from mambench.errors import UsageError
from mambench.model import DTYPES, Amounts, BenchmarkSpec, Choices, MatrixSpec, Size, Trial

UNITS = {"GFLOPS": ("flops", 1e9), "GB/s": ("bytes", 1e9)}
"""What each of these counts, and how many make one; any other unit counts items."""

PROBE_DIVISORS = (8, 4, 2)
"""Smaller sizes from which follows how long the whole one takes."""


LEAST_STEP = 64
"""Of sizes that are advised."""


def size_of(spec: BenchmarkSpec, values: Mapping[str, int], dtype: str) -> Size:
    """The size of these parameters, the others at their defaults. Raises UsageError for a value that is not taken."""
    params = parameters_of(spec, values)
    try:
        memory = _amount(spec.memory, params, dtype)
        doubled = _amount(spec.memory, {**params, **{name: 2 * params[name] for name in spec.size}}, dtype)
        work = tuple(_work(spec, params, dtype))
    except ValueError as error:
        raise UsageError(f"{spec.name}: {error}") from error
    growth = math.log2(doubled / memory) if 0 < memory < doubled else 1.0
    step = max(LEAST_STEP, *(spec.parameters[name].multiple for name in spec.size))
    return Size(_name(spec, params), tuple(params.items()), work, math.ceil(memory), growth, step)


def parameters_of(spec: BenchmarkSpec, values: Mapping[str, int]) -> dict[str, int]:
    """All parameters, those not given at their defaults. Raises UsageError for a value that is not taken."""
    params = {name: values.get(name, parameter.default) for name, parameter in spec.parameters.items()}
    for name, value in params.items():
        multiple = spec.parameters[name].multiple
        if value < 1 or value % multiple:
            what = "at least 1" if multiple == 1 else f"a multiple of {multiple}"
            raise UsageError(f"{spec.name}: {name} = {value}; it has to be {what}")
    return params


def asked(spec: BenchmarkSpec, choices: Choices, amounts: Amounts) -> Iterator[dict[str, int]]:
    """Parameters of every size that was asked for, else of the preset's.

    Raises UsageError for a shape with another number of extents.
    """
    for shape in choices.shapes:
        if len(shape) != len(spec.shape):
            extents = "x".join(name.upper() for name in spec.shape)
            raise UsageError(f"--shape {'x'.join(map(str, shape))}: {spec.name} takes {extents}")
    sizes = [dict.fromkeys(spec.size, size) for size in choices.sizes]
    sizes += [dict(zip(spec.shape, shape, strict=True)) for shape in choices.shapes]
    known = {name: values for name, values in choices.parameters.items() if name in spec.parameters}
    for size in sizes or amounts.sizes:
        for values in itertools.product(*known.values()):
            yield {**size, **dict(zip(known, values, strict=True))}


def order(spec: BenchmarkSpec, trial: Trial) -> dict[str, Any]:
    """What a worker is told of the benchmark beside the parameters: how much work, smaller sizes, operands, result."""
    params = dict(trial.size.params)
    return {
        "work": trial.work,
        "smaller": [{"params": smaller, "work": work} for smaller, work in smaller_sizes(spec, trial)],
        "operands": [_matrix(operand, params, trial.dtype) for operand in spec.operands],
        "result": _matrix(spec.result, params, trial.dtype),
    }


def smaller_sizes(spec: BenchmarkSpec, trial: Trial) -> Iterator[tuple[dict[str, int], float]]:
    """The sizes that the probe tries, the smallest first, with their work."""
    for divisor in PROBE_DIVISORS:
        smaller = _smaller(spec, dict(trial.size.params), divisor)
        yield smaller, next(_work(spec, smaller, trial.dtype))[1]


def _smaller(spec: BenchmarkSpec, params: Mapping[str, int], divisor: int) -> dict[str, int]:
    """The parameters of a size over `divisor`, as multiples, not below the least and not above themselves."""

    def less(name: str) -> int:
        parameter = spec.parameters[name]
        wanted = max(params[name] // divisor, parameter.least)
        return min(params[name], max(1, wanted // parameter.multiple) * parameter.multiple)

    return {**params, **{name: less(name) for name in spec.size}}


def _matrix(matrix: MatrixSpec, params: Mapping[str, int], dtype: str) -> dict[str, Any]:
    return {
        "name": matrix.name,
        "rows": int(_amount(matrix.rows, params, dtype)),
        "columns": int(_amount(matrix.columns, params, dtype)),
        "changes": matrix.changes,
        "random": matrix.random,
        "symmetric": matrix.symmetric,
    }


def _work(spec: BenchmarkSpec, params: Mapping[str, int], dtype: str) -> Iterator[tuple[str, float]]:
    """Amounts by unit, the benchmark's own first."""
    items = "items/s" if spec.unit in UNITS else spec.unit
    units = {**UNITS, items: ("items", spec.items_in_unit)}
    for unit in (spec.unit, *(each for each in units if each != spec.unit)):
        kind, scale = units[unit]
        if kind in spec.work:
            yield unit, _amount(spec.work[kind], params, dtype) / scale


def _amount(formula: str, params: Mapping[str, int], dtype: str) -> float:
    return evaluate(formula, {**params, "itemsize": DTYPES[dtype]})


def _name(spec: BenchmarkSpec, params: Mapping[str, int]) -> str:
    """The extents of the shape, and by name whatever else is not at its default.

    What only a shape sets stands among the extents where it is not at its default. A single extent that is no `n` has
    its name too.
    """
    changed = [name for name, value in params.items() if value != spec.parameters[name].default]
    extents = [name for name in spec.shape if name in spec.size or name in changed]
    others = [f"{name}={params[name]}" for name in changed if name not in extents]
    alone = len(extents) == 1 and extents != ["n"]
    shape = "x".join(str(params[name]) for name in extents)
    return ",".join([f"{extents[0]}={shape}" if alone else shape, *others])
