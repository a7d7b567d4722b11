"""Proof that C is the product of A and B as they are stored: Freivalds' check and a few exact entries.

V has s = min(64, n) columns. Column b has weights +-U(0.5, 1.5) on its block of w = ceil(n/s) indices of a random
permutation, and 0 elsewhere; it is drawn when the check begins, from a seed that no kernel could know. With
R = C V - A (B V), formed in float64 by row blocks, rho is the largest |R_ib| over what honest operands lead one to
expect of (C V)_ib: the root of |a_i|^2 sum_j(V_jb^2 |b_j|^2) / k, or half of what C itself holds there where that is
more (operands with a mean). Each row of A and each block of B has its own scale, so that no giant row hides the
others. Source of the method: R. Freivalds, "Probabilistic machines can use less running time", 1977.

Of a batch each product is checked, or of a large one as many as MOST_PRODUCTS, drawn when the check begins. numpy is
imported from the environment on first use, so that this module needs the standard library only.
"""

from __future__ import annotations

import importlib
import math
import operator
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from matrices import Matrix, spans

Outcome = tuple[str, float, float]

MAX_VECTORS, MOST_PRODUCTS = 64, 256
# C's own format, the multiplier's format where it is narrower, and the accumulator's: unit roundoffs of IEEE
# 754, bfloat16, TF32.
UNIT_ROUNDOFF = {
    "float64": 2.0**-53,
    "float32": 2.0**-24,
    "tf32": 2.0**-24,
    "float16": 2.0**-11,
    "bfloat16": 2.0**-8,
    "float8": 2.0**-8,  # its operands are exact as they are stored; the product is bfloat16
}
UNIT_MULTIPLIER = {"tf32": 2.0**-11}
UNIT_ACCUMULATOR = {"float64": 2.0**-53}
UNIT_ACCUMULATOR_ELSE = 2.0**-24
# What storing may cost near zero, where a format has no shorter steps: half of the least number above zero.
UNDERFLOW = {"float16": 2.0**-25}
# For the formats: TF32 called float32 lies 28 times above.
SAFETY = 8.0
# For the sums. In float32 a naive sum uses 0.69 of the bound; three bfloat16 products in its stead exceed it 3.5, 2.1
# and 1.25 times at n = 512, 2048 and 8192 (measured).
SAFETY_OF_SUMS = {"float64": 8.0}
SAFETY_OF_SUMS_ELSE = 2.0
# C's own magnitude counts where it is so many times what uncorrelated operands lead one to expect.
OWN_MAGNITUDE = 2.0
# Lets sqrt(k) growth start from something for small k, where a few roundings do not average out.
SHORT_SUM = 16.0
EXACT_ENTRIES = 8
_DOUBLE_DIGITS = 53


@dataclass(frozen=True)
class Product:
    """The stored operands and product: a is m x k, b is k x n, c is m x n."""

    a: Matrix
    b: Matrix
    c: Matrix
    dtype: str
    batch_index: tuple[int, ...] = ()
    """Its number, in a batch."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """m, n and k."""
        (m, k), (_, n) = self.a.shape, self.b.shape
        return m, n, k


@dataclass(frozen=True)
class _Pass:
    """What one walk over the three matrices yields: rho and its row, and of each exact entry row, error and size."""

    rho: float
    row: int
    entries: tuple[tuple[int, float, float], ...]


def verify(
    operands: Sequence[Matrix], result: Matrix, params: dict[str, Any], *, seed: int, thorough: bool
) -> Iterator[Outcome]:
    """Check the products by Freivalds' method and, when `thorough`, by a few exact entries.

    Yields each error with the largest one of an honest product; an error is NaN where something is not finite.
    """
    rng = random.Random(f"mambench check {seed}")
    worst: dict[str, Outcome] = {}
    for product in _products(operands, result, params, rng):
        for outcome, _ in _verified(product, rng, EXACT_ENTRIES if thorough else 0):
            worst[outcome[0]] = max(worst.get(outcome[0], outcome), outcome, key=_badness)
    yield from worst.values()


def wrong_entry(
    operands: Sequence[Matrix], result: Matrix, params: dict[str, Any], *, seed: int, thorough: bool
) -> tuple[tuple[int, ...], float, float, str] | None:
    """Return index, value, expected value and words on others: of the row that the same look finds most wrong."""
    rng, worst = random.Random(f"mambench check {seed}"), (-1.0, 0)
    suspect: Product | None = None
    for product in _products(operands, result, params, rng):
        for outcome, row in _verified(product, rng, EXACT_ENTRIES if thorough else 0):
            if _badness(outcome) > worst[0]:
                worst, suspect = (_badness(outcome), row), product
    return None if suspect is None else _most_wrong(suspect, worst[1])


def _most_wrong(product: Product, row: int) -> tuple[tuple[int, ...], float, float, str] | None:
    """Return the same of one row, computed anew in float64; None where there is no number that it should be."""
    numpy: Any = importlib.import_module("numpy")
    _, n, k = product.shape
    a, c = product.a(row, row + 1)[0], product.c(row, row + 1)[0]
    expected, squares = numpy.zeros(n), numpy.zeros(n)
    with numpy.errstate(all="ignore"):
        for start, stop, block in product.b.blocks():
            expected += a[start:stop] @ block
            squares += numpy.einsum("ij,ij->j", block, block)
        scale = numpy.sqrt(a @ a * squares / k)
        bounds = [exact_tolerance(product.dtype, k, size) for size in (abs(expected) / scale).tolist()]
        error = numpy.maximum(abs(c - expected) - UNDERFLOW.get(product.dtype, 0.0), 0.0) / scale / bounds
    column = int(error.argmax())  # NaN, if there is one
    value, wanted = float(c[column]), float(expected[column])
    if value == wanted or not math.isfinite(wanted):
        return None
    count = int(numpy.count_nonzero(~(error <= 1.0)))
    others = f"{count} of the {n} entries of that row are wrong" if count > 1 else ""
    return (*product.batch_index, row, column), value, wanted, others


def _badness(outcome: Outcome) -> float:
    _, error, bound = outcome
    return error / bound if math.isfinite(error) else math.inf


def _products(
    operands: Sequence[Matrix], result: Matrix, params: dict[str, Any], rng: random.Random
) -> Iterator[Product]:
    """Yield the products of a batch, in its order."""
    (a, b), batch, dtype = operands, params.get("batch", 1), params["dtype"]
    m, k = a.shape[0] // batch, b.shape[0] // batch
    for index in sorted(rng.sample(range(batch), min(batch, MOST_PRODUCTS))):
        c = result.part(index * m, (index + 1) * m)
        number = (index,) if batch > 1 else ()
        yield Product(a.part(index * m, (index + 1) * m), b.part(index * k, (index + 1) * k), c, dtype, number)


def _verified(product: Product, rng: random.Random, entries: int) -> Iterator[tuple[Outcome, int]]:
    """Yield each outcome with the row that it is about."""
    numpy: Any = importlib.import_module("numpy")
    m, n, k = product.shape
    positions = _positions(rng, m, n, entries)
    with numpy.errstate(all="ignore"):
        walked = _walk(numpy, product, _weights(numpy, rng, n), positions)
    yield ("freivalds", walked.rho, tolerance(product.dtype, k)), walked.row
    for row, error, size in walked.entries:
        yield ("exact_entries", error, exact_tolerance(product.dtype, k, size)), row


def tolerance(dtype: str, k: int) -> float:
    """Return the largest rho of an honest product: 8 (u_store + 2 u_mult) + c (sqrt(k) + 16) u_acc, c = 8 or 2."""
    return SAFETY * _formats(dtype) + _summing(dtype, k)


def exact_tolerance(dtype: str, k: int, size: float) -> float:
    """Return the largest error of one honest entry, relative to |a_i| |b_j| / sqrt(k).

    `size` is the entry itself in that unit: rounding it costs that much more. A sum of k random terms carries about
    0.4 sqrt(k) u_acc of rounding: each partial sum is rounded once and grows like the square root of its length.
    """
    return max(1.0, size) * SAFETY * _formats(dtype) + max(1.0, size / OWN_MAGNITUDE) * _summing(dtype, k)


def floor(dtype: str, n: int, k: int) -> float:
    """Return the smallest wrong part of one entry that is always seen, in units of C's root mean square.

    The smallest weight is 0.5, and the root mean square of all weights sqrt(13/12).
    """
    return tolerance(dtype, k) * math.sqrt(_block_width(n) * 13.0 / 12.0) / 0.5


def _formats(dtype: str) -> float:
    return UNIT_ROUNDOFF[dtype] + 2.0 * UNIT_MULTIPLIER.get(dtype, 0.0)


def _summing(dtype: str, k: int) -> float:
    safety = SAFETY_OF_SUMS.get(dtype, SAFETY_OF_SUMS_ELSE)
    return safety * (math.sqrt(k) + SHORT_SUM) * UNIT_ACCUMULATOR.get(dtype, UNIT_ACCUMULATOR_ELSE)


def _block_width(n: int) -> int:
    return -(-n // min(MAX_VECTORS, n))


def _positions(rng: random.Random, m: int, n: int, count: int) -> list[tuple[int, int]]:
    """Return `count` entries of C: its corners, then seeded ones."""
    corners = [(0, 0), (0, n - 1), (m - 1, 0), (m - 1, n - 1)]
    drawn = [(rng.randrange(m), rng.randrange(n)) for _ in range(max(0, count - len(corners)))]
    return (corners + drawn)[:count]


def _weights(numpy: Any, rng: random.Random, n: int) -> Any:
    """Return V: n rows, and a column for each block."""
    generator = numpy.random.default_rng(rng.getrandbits(128))
    order, width = generator.permutation(n), _block_width(n)
    weights = numpy.zeros((n, -(-n // width)))
    weights[order, numpy.arange(n) // width] = generator.uniform(0.5, 1.5, n) * generator.choice([-1.0, 1.0], n)
    return weights


def _walk(numpy: Any, product: Product, weights: Any, positions: Sequence[tuple[int, int]]) -> _Pass:
    """Read B once, then A and C together, block by block."""
    m, n, k = product.shape
    columns = [j for _, j in positions]
    energies, underflow = weights**2, UNDERFLOW.get(product.dtype, 0.0)
    lost = underflow * numpy.abs(weights).sum(axis=0)
    b_weighted, b_columns, b_norms = _walk_b(numpy, product.b, weights, columns)
    b_energies = b_norms @ energies / k
    rho, row, entries = 0.0, 0, []
    for start, stop in spans(m, max(n, k)):
        a, c = product.a(start, stop), product.c(start, stop)
        a_norms = numpy.einsum("ij,ij->i", a, a)
        residual = numpy.maximum(numpy.abs(c @ weights - a @ b_weighted) - lost, 0.0)
        expected = numpy.multiply.outer(a_norms, b_energies)
        expected = numpy.sqrt(numpy.maximum(expected, c**2 @ energies / OWN_MAGNITUDE**2))
        relative = residual / expected
        largest = float(relative.max())
        if not (largest <= rho or math.isnan(rho)):  # NaN is the largest of all
            rho, row = largest, start + int(relative.argmax()) // relative.shape[1]
        for p, (i, j) in enumerate(positions):
            if start <= i < stop:
                scale = math.sqrt(float(a_norms[i - start]) * float(b_norms[j]) / k)
                a_row, b_column = a[i - start].tolist(), b_columns[:, p].tolist()
                entries.append((i, *_entry_error(a_row, b_column, float(c[i - start, j]), scale, underflow)))
    return _Pass(rho, row, tuple(entries))


def _walk_b(numpy: Any, b: Matrix, weights: Any, columns: list[int]) -> tuple[Any, Any, Any]:
    """Return B V, the columns asked for, and the square of each column's norm."""
    k, n = b.shape
    weighted, picked = numpy.empty((k, weights.shape[1])), numpy.empty((k, len(columns)))
    norms = numpy.zeros(n)
    for start, stop, block in b.blocks():
        weighted[start:stop] = block @ weights
        picked[start:stop] = block[:, columns]
        norms += numpy.einsum("ij,ij->j", block, block)
    return weighted, picked, norms


def _entry_error(
    a_row: list[float], b_column: list[float], entry: float, scale: float, underflow: float
) -> tuple[float, float]:
    """Return |entry - exact| and |exact| over the scale; NaN if something is not finite or the scale is 0."""
    if not (math.isfinite(entry) and math.isfinite(scale) and scale > 0.0):
        return math.nan, 0.0
    exact = _exact_dot(a_row, b_column)
    try:
        error = max(abs(Fraction(entry) - exact) - Fraction(underflow), Fraction(0))
        return float(error / Fraction(scale)), float(abs(exact) / Fraction(scale))
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
