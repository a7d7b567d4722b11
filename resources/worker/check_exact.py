"""Proof of a result that is computed element by element: every element is computed again from the operands' elements.

The benchmark's `[check]` says how: `formula` (of the operands' names, the benchmark's parameters and the functions
below), `ulps` (a number, or one for each dtype) and, where terms may cancel, `scale` (a formula: what the rounding
errors are relative to; by itself the result). The error is max |r - f| / (2 u scale), u the unit roundoff of the dtype:
units in the last place, by their largest. ulps = 0 means bit for bit: then the benchmark makes operands of so few bits
that f is exact in the dtype, with fused multiply-add or without.

f is computed in float64, so for float64 `ulps` has to hold the roundings of f as well. Once, after the last run, some
elements are computed with 100 decimal digits: a second opinion, independent of numpy, which may be what is measured.

Operands of fewer bits make narrower arithmetic exact too: float32 stored and passed off as float64 would pass. So the
share of their values that the next narrower format holds is looked at, in one part of each block, drawn by the seed.
"""

from __future__ import annotations

import ast
import decimal
import importlib
import math
import random
from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any, Callable

Outcome = tuple[str, float, float]

# Binary digits of the significand: of the dtype, and of the widest format that would be passed off as it (float32;
# float16 or TF32; bfloat16; float8 e4m3).
DIGITS = {"float64": 53, "float32": 24, "float16": 11, "bfloat16": 8}
NARROWER = {"float64": 24, "float32": 11, "float16": 8, "bfloat16": 4}
# Absolute errors up to this are of formats that flush to zero below it, not of the arithmetic.
SMALLEST_NORMAL = {"float64": 2.0**-1022, "float32": 2.0**-126, "float16": 2.0**-14, "bfloat16": 2.0**-126}
# Of whole numbers of 9 bits, made for float16, bfloat16 holds 0.75; of 6 bits, for bfloat16, e4m3 holds 0.5; of wider
# ones and of uniform values at most 0.13 are narrow.
MOST_NARROW = 0.9
# 64 KiB as float64: what a formula takes stays in a core's cache, and comes from the heap without page faults.
PART_ELEMENTS = 2**13
ENTRIES = 32
DECIMAL_DIGITS = 100

FUNCTIONS = ("exp", "log", "sqrt", "sin", "cos", "tanh", "abs", "minimum", "maximum")


def verify(
    operands: Sequence[Any], result: Any, params: dict[str, Any], *, seed: int, thorough: bool
) -> Iterator[Outcome]:
    """Yield the largest error in ulps, the share of narrow operand values and, if thorough, some entries' error.

    Raises ValueError where shapes differ or the benchmark's formula cannot be read.
    """
    numpy = importlib.import_module("numpy")
    dtype, described = params["dtype"], params["check"]
    for operand in operands:
        if operand.shape != result.shape:
            raise ValueError(
                f"{operand.name} is {operand.shape}, {result.name} is {result.shape}: not element by element"
            )
    formula = _formula(operands, params)
    rng = random.Random(f"mambench exact {seed}")
    with numpy.errstate(all="ignore"):
        error, narrow, _ = _walk(numpy, operands, result, formula, dtype, rng)
    tolerance = _of(described["ulps"], dtype)
    yield "exact", error, tolerance
    yield "narrow_operands", narrow, MOST_NARROW
    if thorough:
        yield "decimal_entries", _entries(operands, result, formula, dtype, rng), tolerance


def wrong_entry(
    operands: Sequence[Any], result: Any, params: dict[str, Any], **_look: Any
) -> tuple[tuple[int, int], float, float] | None:
    """Return row, column, value and expected value of the largest error, if it is too large."""
    numpy = importlib.import_module("numpy")
    formula, dtype = _formula(operands, params), params["dtype"]
    with numpy.errstate(all="ignore"):
        _, _, (start, stop) = _walk(numpy, operands, result, formula, dtype, random.Random())
        computed = result(start, stop)
        value, errors = _errors(numpy, {each.name: each(start, stop) for each in operands}, computed, formula, dtype)
    row, column = divmod(int(errors.argmax()), result.shape[1])  # NaN, if there is one
    expected = float(value[row, column])
    if errors[row, column] <= _of(params["check"]["ulps"], dtype) or not math.isfinite(expected):
        return None
    return (start + row, column), float(computed[row, column]), expected


class Formula:
    """The formula of an element and what its error is relative to."""

    def __init__(self, described: dict[str, Any], names: Sequence[str], numbers: dict[str, float]) -> None:
        self._numbers = numbers
        known = {*names, *numbers, *FUNCTIONS}
        self._value = _compiled(described["formula"], known)
        self._scale = _compiled(described["scale"], known) if "scale" in described else None

    def of_floats(self, numpy: Any, values: dict[str, Any]) -> tuple[Any, Callable[[], Any]]:
        """Return the value of arrays of float64, and what gives the scale."""
        functions = {name: getattr(numpy, name) for name in FUNCTIONS}
        return self._evaluated({**self._numbers, **functions, **values, "number": float})

    def of_decimals(self, values: dict[str, float]) -> tuple[Decimal, Decimal]:
        """Return value and scale of single elements, by the current context's digits."""
        given = {name: Decimal(value) for name, value in {**self._numbers, **values}.items()}
        value, scale = self._evaluated({**DECIMAL_FUNCTIONS, **given, "number": Decimal})
        return Decimal(value), Decimal(scale())

    def _evaluated(self, names: dict[str, Any]) -> tuple[Any, Callable[[], Any]]:
        names["__builtins__"] = {}
        value = eval(self._value, names)
        return value, lambda: abs(value if self._scale is None else eval(self._scale, names))


def _compiled(formula: str, known: set[str]) -> Any:
    try:
        tree = _Literals().visit(ast.parse(formula, mode="eval"))
    except SyntaxError as error:
        raise ValueError(f"the check's formula {formula!r} cannot be read: {error.msg}") from error
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {"number"}
    if used - known:
        raise ValueError(
            f"the check's formula {formula!r} has {', '.join(sorted(used - known))}, which nothing defines"
        )
    return compile(ast.fix_missing_locations(tree), "<formula>", "eval")


class _Literals(ast.NodeTransformer):
    """Writes 0.5 as number(0.5), because a Decimal does not multiply a float."""

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        return ast.Call(ast.Name("number", ast.Load()), [node], []) if isinstance(node.value, float) else node


def _formula(operands: Sequence[Any], params: dict[str, Any]) -> Formula:
    numbers = {name: value for name, value in params.items() if isinstance(value, (int, float))}
    return Formula(params["check"], [operand.name for operand in operands], numbers)


def _walk(
    numpy: Any, operands: Sequence[Any], result: Any, formula: Formula, dtype: str, rng: random.Random
) -> tuple[float, float, tuple[int, int]]:
    """Return the largest error in ulps, the largest share of narrow values in an operand, and the rows of the first."""
    worst, rows, narrow, looked_at = 0.0, (0, 1), dict.fromkeys((operand.name for operand in operands), 0), 0
    for start, stop, block in result.blocks():
        whole = {operand.name: operand(start, stop) for operand in operands}
        parts = list(_parts(block.shape))
        drawn = rng.choice(parts)
        for part in parts:
            values = {name: array[part] for name, array in whole.items()}
            error = float(_error(numpy, values, block[part], formula, dtype))
            if not (error <= worst or math.isnan(worst)):  # NaN is the largest of all
                worst, rows = error, (start + part.start, min(start + part.stop, stop))
        looked_at += block[drawn].size
        for name, array in whole.items():
            narrow[name] += int(numpy.count_nonzero(_is_narrow(array[drawn], dtype)))
    return worst, max(narrow.values()) / looked_at, rows


def _parts(shape: tuple[int, int]) -> Iterator[slice]:
    step = max(1, PART_ELEMENTS // shape[1])
    return (slice(start, start + step) for start in range(0, shape[0], step))


def _error(numpy: Any, values: dict[str, Any], computed: Any, formula: Formula, dtype: str) -> Any:
    """Return the largest error, in ulps; NaN if there is one."""
    value, scale = formula.of_floats(numpy, values)
    difference = numpy.abs(computed - value)
    return _ulps(numpy, difference, scale(), dtype).max() if difference.any() else 0.0


def _errors(numpy: Any, values: dict[str, Any], computed: Any, formula: Formula, dtype: str) -> tuple[Any, Any]:
    """Return what each element should be and its error, in ulps."""
    value, scale = formula.of_floats(numpy, values)
    difference = numpy.abs(computed - value)
    return numpy.broadcast_to(value, computed.shape), _ulps(numpy, difference, scale(), dtype)


def _ulps(numpy: Any, difference: Any, scale: Any, dtype: str) -> Any:
    return difference / numpy.maximum(scale * 2.0 ** (1 - DIGITS[dtype]), SMALLEST_NORMAL[dtype])


def _is_narrow(values: Any, dtype: str) -> Any:
    """Say which float64 values have no more binary digits than the narrower format (Veltkamp's splitting)."""
    moved = values * (2.0 ** (DIGITS["float64"] - NARROWER[dtype]) + 1.0)
    return moved - (moved - values) == values


def _entries(operands: Sequence[Any], result: Any, formula: Formula, dtype: str, rng: random.Random) -> float:
    """Return the largest error, in ulps, of elements that are drawn and computed in decimal arithmetic."""
    rows, columns = result.shape
    errors = []
    with decimal.localcontext() as context:
        context.prec = DECIMAL_DIGITS
        for _ in range(ENTRIES):
            row, column = rng.randrange(rows), rng.randrange(columns)
            computed, *values = (float(matrix(row, row + 1)[0, column]) for matrix in (result, *operands))
            named = dict(zip((operand.name for operand in operands), values))
            errors.append(_entry_error(named, computed, formula, dtype))
    return math.nan if any(map(math.isnan, errors)) else max(errors)


def _entry_error(values: dict[str, float], computed: float, formula: Formula, dtype: str) -> float:
    try:
        value, scale = formula.of_decimals(values)
        unit = max(scale * Decimal(2) ** (1 - DIGITS[dtype]), Decimal(SMALLEST_NORMAL[dtype]))
        return float(abs(Decimal(computed) - value) / unit)
    except (decimal.DecimalException, OverflowError):  # not finite, or outside of what a function takes
        return math.nan


def _series(x: Decimal, term: Decimal, order: int) -> Decimal:
    """Sum Taylor's series of sine (from x, 1) or cosine (from 1, 0); digits enough for |x| up to 100."""
    total, last = term, None
    while total != last:
        last = total
        term *= -x * x / ((order + 1) * (order + 2))
        order += 2
        total += term
    return total


def _tanh(x: Decimal) -> Decimal:
    power = (2 * x).exp()
    return (power - 1) / (power + 1)


DECIMAL_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "exp": Decimal.exp,
    "log": Decimal.ln,
    "sqrt": Decimal.sqrt,
    "sin": lambda x: _series(x, x, 1),
    "cos": lambda x: _series(x, Decimal(1), 0),
    "tanh": _tanh,
    "abs": abs,
    "minimum": min,
    "maximum": max,
}


def _of(ulps: Any, dtype: str) -> float:
    return float(ulps[dtype] if isinstance(ulps, dict) else ulps)
