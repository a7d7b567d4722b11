"""Proof that C is the product of A and B as they are stored: Freivalds' check and a few exact entries.

V has s = min(64, n) columns; column b is +1 or -1 on its block of w = ceil(n/s) indices and 0 elsewhere. With
R = C V - A (B V), formed in float64 by row blocks, rho = max|R| / (c_rms sqrt(w)), where c_rms = |A|_F |B|_F
/ sqrt(m n k) is the expected root mean square of C's entries. Source of the method: R. Freivalds,
"Probabilistic machines can use less running time", 1977.

Matrices are given as callables rows(start, stop) that return those rows as float64 (anything `numpy.asarray`
takes; a narrower floating type is widened exactly). numpy is imported from the environment on first use, so
that this module needs the standard library only.
"""

from __future__ import annotations

import importlib
import importlib.util
import math
import operator
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Callable

Rows = Callable[[int, int], Any]
Shape = tuple[int, int, int]

MAX_VECTORS = 64
# C's own format, the multiplier's format where it is narrower, and the accumulator's: unit roundoffs of IEEE
# 754, bfloat16, TF32.
UNIT_ROUNDOFF = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
}
UNIT_MULTIPLIER = {"tf32": 2.0**-11}
UNIT_ACCUMULATOR = {"float64": 2.0**-53}
UNIT_ACCUMULATOR_ELSE = 2.0**-24
# Measured at n = 512 to 8192: honest products stay 2.6 to 19 times below, TF32 called float32 lies 28 times
# above.
SAFETY = 8.0
# Sums of few products have heavy tails, exp(-t sqrt(k)), and rounding an entry of t c_rms costs t u. Below 8
# terms that part of the bound grows so that t sqrt(k) stays the same. Without it: 1 alarm in 10,000, at k = 1.
FEW_TERMS = 8.0
# Lets sqrt(k) growth start from something for small k, where a few roundings do not average out.
SHORT_SUM = 16.0
# Converted rows, their signed copy and B V are held at once: four of these stay under 64 MiB.
BLOCK_BYTES = 12 * 2**20
EXACT_ENTRIES = 8
_DOUBLE_DIGITS = 53


class CheckUnavailable(Exception):
    """The environment has no numpy, so nothing can be checked."""


class BadBlock(Exception):
    """A matrix does not hold what it has to: its shape is wrong."""


@dataclass(frozen=True)
class Outcome:
    """What one check found; `error` is null where it is not a finite number."""

    name: str
    error: float | None
    tolerance: float
    ok: bool
    message: str


@dataclass(frozen=True)
class Product:
    """The stored operands and product: a is m x k, b is k x n, c is m x n."""

    a: Rows
    b: Rows
    c: Rows
    shape: Shape
    dtype: str


@dataclass(frozen=True)
class _Pass:
    """What one walk over the three matrices yields."""

    largest_residual: float
    c_rms: float
    exact_error: float
    exact_scale: float


def available() -> bool:
    """Say whether the environment has the numpy that the check needs."""
    return importlib.util.find_spec("numpy") is not None


def tolerance(dtype: str, k: int) -> float:
    """Return the largest rho of an honest product: 8 (u_store + 2 u_mult + (sqrt(k) + 16) u_acc), k >= 8."""
    return _rounding(k) * _formats(dtype) + SAFETY * _summing(dtype, k)


def exact_tolerance(dtype: str, k: int, scale: float) -> float:
    """Return the largest error of one honest entry, relative to c_rms.

    `scale` is the largest checked entry over c_rms; rounding it costs that much more than rounding c_rms. A sum
    of k random terms carries about 0.4 sqrt(k) u_acc c_rms of rounding (each partial sum is rounded once and
    grows like the square root of its length), so that 8 (sqrt(k) + 16) u_acc is 20 deviations away.
    """
    return max(_rounding(k), scale) * _formats(dtype) + SAFETY * _summing(dtype, k)


def verify(product: Product, *, seed: int, name: str = "freivalds", entries: int = EXACT_ENTRIES) -> list[Outcome]:
    """Check a product by Freivalds' method and, unless `entries` is 0, by a few exact entries.

    Raises CheckUnavailable without numpy. A wrong shape, NaN or infinity is a failed outcome, never an
    exception.
    """
    numpy = _numpy()
    m, n, k = product.shape
    bound = tolerance(product.dtype, k)
    rng = random.Random(f"mambench check {seed}")
    positions = _positions(rng, m, n, entries)
    try:
        with numpy.errstate(all="ignore"):
            walked = _walk(numpy, product, _signs(numpy, rng, n), positions)
    except BadBlock as error:
        return [Outcome(name, None, bound, False, str(error))]
    width = _block_width(n)
    rho = _ratio(walked.largest_residual, walked.c_rms * math.sqrt(width))
    outcomes = [_outcome(name, rho, bound, product.dtype)]
    if positions:
        exact_bound = exact_tolerance(product.dtype, k, walked.exact_scale)
        outcomes.append(_outcome("exact_entries", walked.exact_error, exact_bound, product.dtype))
    return outcomes


def flipped_rows(m: int, *, seed: int) -> list[int]:
    """Choose the half of A's rows that change sign, in rising order; at least one."""
    return sorted(random.Random(f"mambench flip {seed}").sample(range(m), max(1, m // 2)))


def copied_row(rows: Rows, index: int) -> Any:
    """Return one row as a float64 array of its own: rows() may give a view of what is about to change."""
    return _numpy().array(rows(index, index + 1), dtype="float64")


def negated(before: Any, after: Any) -> bool:
    """Say whether a row of A, copied before and after a flip, really changed sign."""
    return bool(_numpy().array_equal(-before, after))


def _numpy() -> Any:
    try:
        return importlib.import_module("numpy")
    except ImportError as error:
        raise CheckUnavailable(
            f"the check needs numpy and cannot import it ({error}); add it to the packages"
        ) from error


def _rounding(k: int) -> float:
    return SAFETY * max(1.0, math.sqrt(FEW_TERMS / k))


def _formats(dtype: str) -> float:
    return UNIT_ROUNDOFF[dtype] + 2.0 * UNIT_MULTIPLIER.get(dtype, 0.0)


def _summing(dtype: str, k: int) -> float:
    return (math.sqrt(k) + SHORT_SUM) * UNIT_ACCUMULATOR.get(dtype, UNIT_ACCUMULATOR_ELSE)


def _block_width(n: int) -> int:
    return -(-n // min(MAX_VECTORS, n))


def _positions(rng: random.Random, m: int, n: int, count: int) -> list[tuple[int, int]]:
    """Return `count` entries of C: its corners, then seeded ones."""
    corners = [(0, 0), (0, n - 1), (m - 1, 0), (m - 1, n - 1)]
    drawn = [(rng.randrange(m), rng.randrange(n)) for _ in range(max(0, count - len(corners)))]
    return (corners + drawn)[:count]


def _signs(numpy: Any, rng: random.Random, n: int) -> Any:
    bits = numpy.frombuffer(rng.getrandbits(8 * n).to_bytes(n, "little"), dtype=numpy.uint8)
    return 1.0 - 2.0 * (bits & 1)


def _walk(numpy: Any, product: Product, signs: Any, positions: Sequence[tuple[int, int]]) -> _Pass:
    """Read B once, then A and C together, block by block."""
    m, n, k = product.shape
    starts = numpy.arange(0, n, _block_width(n))
    columns = [j for _, j in positions]
    b_signed, b_columns, b_squares = _walk_b(numpy, product.b, (k, n), signs, starts, columns)
    a_squares = largest = error = scale = 0.0
    picked: list[tuple[int, Any, float]] = []
    for start, stop in _spans(m, max(n, k)):
        a = _block(numpy, product.a, start, stop, k, "A")
        c = _block(numpy, product.c, start, stop, n, "C")
        a_squares += _squares(numpy, a)
        residual = numpy.add.reduceat(c * signs, starts, axis=1) - a @ b_signed
        largest = float(numpy.maximum(largest, numpy.abs(residual).max()))
        inside = [p for p, (i, _) in enumerate(positions) if start <= i < stop]
        picked += [
            (p, a[positions[p][0] - start].tolist(), float(c[positions[p][0] - start, positions[p][1]])) for p in inside
        ]
    c_rms = math.sqrt(a_squares) * math.sqrt(b_squares) / math.sqrt(float(m) * n * k)
    for p, a_row, entry in picked:
        one_error, one_scale = _entry_error(a_row, b_columns[:, p].tolist(), entry, c_rms)
        error, scale = float(numpy.maximum(error, one_error)), max(scale, one_scale)
    return _Pass(largest, c_rms, error, scale)


def _walk_b(
    numpy: Any, b: Rows, shape: tuple[int, int], signs: Any, starts: Any, columns: list[int]
) -> tuple[Any, Any, float]:
    k, n = shape
    signed, picked, squares = numpy.empty((k, len(starts))), numpy.empty((k, len(columns))), 0.0
    for start, stop in _spans(k, n):
        block = _block(numpy, b, start, stop, n, "B")
        signed[start:stop] = numpy.add.reduceat(block * signs, starts, axis=1)
        picked[start:stop] = block[:, columns]
        squares += _squares(numpy, block)
    return signed, picked, squares


def _spans(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    step = max(1, BLOCK_BYTES // (8 * columns))
    return ((start, min(start + step, rows)) for start in range(0, rows, step))


def _block(numpy: Any, rows: Rows, start: int, stop: int, columns: int, name: str) -> Any:
    block = numpy.asarray(rows(start, stop), dtype=numpy.float64)
    if block.shape != (stop - start, columns):
        wanted = (stop - start, columns)
        raise BadBlock(f"rows {start} to {stop} of {name} have shape {block.shape}, not {wanted}")
    return block


def _squares(numpy: Any, block: Any) -> float:
    flat = block.ravel()
    return float(numpy.dot(flat, flat))


def _entry_error(a_row: list[float], b_column: list[float], entry: float, c_rms: float) -> tuple[float, float]:
    """Return |entry - exact| and |exact| over c_rms; NaN if something is not finite or c_rms is 0."""
    if not (math.isfinite(entry) and math.isfinite(c_rms) and c_rms > 0.0):
        return math.nan, 0.0
    exact = _exact_dot(a_row, b_column)
    try:
        return float(abs(Fraction(entry) - exact) / Fraction(c_rms)), float(abs(exact) / Fraction(c_rms))
    except OverflowError:
        return math.inf, 0.0


def _exact_dot(left: list[float], right: list[float]) -> Fraction:
    """Return the exact sum of products, in integers: every double is an integer times a power of two."""
    (left_integers, left_shift), (right_integers, right_shift) = _scaled(left), _scaled(right)
    total = sum(map(operator.mul, left_integers, right_integers))
    return Fraction(total) * Fraction(2) ** (left_shift + right_shift)


def _scaled(values: list[float]) -> tuple[list[int], int]:
    parts = [math.frexp(value) for value in values]
    lowest = min(exponent for _, exponent in parts)
    integers = [int(math.ldexp(mantissa, _DOUBLE_DIGITS)) << (exponent - lowest) for mantissa, exponent in parts]
    return integers, lowest - _DOUBLE_DIGITS


def _ratio(numerator: float, denominator: float) -> float:
    return numerator / denominator if denominator > 0.0 else math.nan


def _outcome(name: str, error: float, bound: float, dtype: str) -> Outcome:
    if not math.isfinite(error):
        message = "the product or an operand holds NaN, infinities or nothing but zeros"
        return Outcome(name, None, bound, False, message)
    if error > bound:
        message = f"the product is wrong for {dtype}: error {error:.2g}, at most {bound:.2g} is allowed"
        return Outcome(name, error, bound, False, message)
    return Outcome(name, error, bound, True, "")
