"""Proof that L is the Cholesky factor of A: L L^T V = A V by Freivalds' method, and nothing above the diagonal.

A is symmetric, uniform in +-0.5 off its diagonal and between sqrt(n) + 1 and sqrt(n) + 2 on it, but for the signs that
changed. V has s = min(32, n) columns. Column b has weights +-U(0.5, 1.5) on its block of n/s indices of a random
permutation, and 0 elsewhere, drawn from a seed that no kernel could know. With R = L (L^T V) - A V in float64, rho is
the largest of |R_ib| over the size that A lets one expect there,

    sqrt(A_ii^2 V_ib^2 + sum_j(V_jb^2) / 12),

so that the large entries on the diagonal hide no other. An entry of A is rounded up to n times on its way into L, and
roundings add like a root: rho <= 4 (sqrt(n) + 16) u. Measured, in units of this bound, the check's own
sums in float64 included: OpenBLAS 0.02 to 0.43, one rounding an update 0.1 to 0.38; TF32 called float32 17 to 25 at
n = 256 to 2048, about 4000 u at any n. Three bfloat16 products in the stead of one of float32 leave 70 u and pass, as
one rounding an update leaves 50 u at n = 1024.
"""

from __future__ import annotations

import importlib
import math
import random
from fractions import Fraction
from typing import Any

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}
SAFETY = 4.0
# Lets sqrt(n) growth start from something for small n, where a few roundings do not average out.
SHORT_SUM = 16.0
MAX_VECTORS = 32
EXACT_ENTRIES = 8
# Of the entries off the diagonal, uniform in +-0.5.
LARGEST = 0.5
MEAN_SQUARE = 1.0 / 12.0
# From this size on their mean square is above half of that, whatever the seed.
LEAST_SAMPLED = 16

Outcome = tuple[str, float, float]


def tolerance(dtype: str, n: int) -> float:
    """Return the largest rho of an honest factor."""
    return SAFETY * (math.sqrt(n) + SHORT_SUM) * UNIT_ROUNDOFF[dtype]


def verify(operands: Any, result: Any, params: Any, *, seed: int, thorough: bool) -> list[Outcome]:
    """Check L against A (both n x n); raises ValueError where one of them is not what it has to be."""
    numpy = importlib.import_module("numpy")
    (a,), n = operands, result.shape[0]
    rng = random.Random(f"mambench cholesky {seed}")
    bound = tolerance(params["dtype"], n)
    weights = _weights(numpy, rng, n)
    with numpy.errstate(all="ignore"):
        rho, _ = _rho(numpy, a, result, weights, _left(numpy, result, weights))
    outcomes = [("freivalds", rho, bound)]
    if thorough:
        corners = [(0, 0), (n - 1, 0), (n - 1, n - 1)]
        drawn = [(rng.randrange(n), rng.randrange(n)) for _ in range(EXACT_ENTRIES - len(corners))]
        errors = [_exact_error(a, result, i, j) for i, j in corners + drawn]
        outcomes.append(("exact_entries", float(numpy.max(errors)), bound))
    return outcomes


def wrong_entry(
    operands: Any, result: Any, params: Any, *, seed: int, **_look: Any
) -> tuple[tuple[int, int], float, float] | None:
    """Return row, column, value and expected value of the entry of L that is most wrong, in the first row with one.

    That row follows from A and the rows above it; a wrong entry shows in the product's rows of both its numbers.
    """
    numpy = importlib.import_module("numpy")
    (a,), n = operands, result.shape[0]
    with numpy.errstate(all="ignore"):
        largest = max((_above(numpy, block, start) for start, _, block in result.blocks()), key=lambda each: each[0])
        if largest[0] > 0.0:
            return largest[1], largest[2], 0.0
        rows = _broken_rows(numpy, result)
        if not rows:
            weights = _weights(numpy, random.Random(f"mambench cholesky {seed}"), n)
            _, row = _rho(numpy, a, result, weights, _left(numpy, result, weights))
            left = result(row, row + 1)[0]
            product = numpy.concatenate([block @ left for _, _, block in result.blocks()])
            rows = sorted({row, int(abs(product - a(row, row + 1)[0]).argmax())})
        for row in rows:
            expected, value = _row(numpy, a, result, row), result(row, row + 1)[0, : row + 1]
            error = abs(value - expected)
            column = int(error.argmax())  # NaN, if there is one
            if not error[column] <= tolerance(params["dtype"], n) and math.isfinite(expected[column]):
                return (row, column), float(value[column]), float(expected[column])
    return None


def _above(numpy: Any, block: Any, start: int) -> tuple[float, tuple[int, int], float]:
    """Return size, place and value of the largest entry above the diagonal; NaN counts as the largest there is."""
    upper = numpy.triu(block, start + 1)
    row, column = divmod(int(abs(upper).argmax()), upper.shape[1])
    value = float(upper[row, column])
    return abs(value) if math.isfinite(value) else math.inf, (start + row, column), value


def _broken_rows(numpy: Any, factor: Any) -> list[int]:
    """Return the first row that holds NaN or infinities, or a diagonal that is not positive."""
    for start, _, block in factor.blocks():
        broken = ~numpy.isfinite(block).all(axis=1) | ~(numpy.diagonal(block, start) > 0.0)
        if broken.any():
            return [start + int(broken.argmax())]
    return []


def _row(numpy: Any, a: Any, factor: Any, row: int) -> Any:
    """Return a row of L by A and the rows of L above it."""
    wanted, entries = a(row, row + 1)[0], numpy.zeros(row + 1)
    for start, stop, block in factor.blocks():
        end = min(stop, row)
        if start < end:
            left = wanted[start:end] - block[: end - start, :start] @ entries[:start]
            entries[start:end] = numpy.linalg.solve(block[: end - start, start:end], left)
    entries[row] = numpy.sqrt(wanted[row] - entries @ entries)
    return entries


def _weights(numpy: Any, rng: random.Random, n: int) -> Any:
    """Return V: n rows, and a column for each block."""
    generator = numpy.random.default_rng(rng.getrandbits(128))
    order, width = generator.permutation(n), -(-n // min(MAX_VECTORS, n))
    weights = numpy.zeros((n, -(-n // width)))
    weights[order, numpy.arange(n) // width] = generator.uniform(0.5, 1.5, n) * generator.choice([-1.0, 1.0], n)
    return weights


def _left(numpy: Any, factor: Any, weights: Any) -> Any:
    """Return L^T V; raises ValueError unless L is lower triangular with a positive diagonal."""
    product = numpy.zeros_like(weights)
    for start, stop, block in factor.blocks():
        if numpy.triu(block, start + 1).any():
            raise ValueError("L is not zero above its diagonal")
        if not (numpy.diagonal(block, start) > 0.0).all():
            raise ValueError("the diagonal of L is not positive")
        product[:stop] += block[:, :stop].T @ weights[start:stop]
    return product


def _rho(numpy: Any, a: Any, factor: Any, weights: Any, left: Any) -> tuple[float, int]:
    """Return rho and its row; raises ValueError for an A that is not random off its diagonal."""
    n = len(weights)
    rho, row, energy = 0.0, 0, 0.0
    spread = MEAN_SQUARE * (weights**2).sum(axis=0)
    for (start, stop, rows), (_, _, block) in zip(a.blocks(), factor.blocks()):
        residual = numpy.abs(block[:, :stop] @ left[:stop] - rows @ weights)
        diagonal = numpy.diagonal(rows, start)[:, None]
        expected = numpy.sqrt((diagonal * weights[start:stop]) ** 2 + spread)
        relative = residual / expected
        largest = float(relative.max())
        if not (largest <= rho or math.isnan(rho)):  # NaN is the largest of all
            rho, row = largest, start + int(relative.argmax()) // relative.shape[1]
        sizes = numpy.abs(rows)  # a copy: rows may be the kernel's own
        numpy.fill_diagonal(sizes[:, start:stop], 0.0)
        if sizes.max() > LARGEST:
            raise ValueError("operand A has entries above 0.5 off its diagonal")
        energy += float(numpy.einsum("ij,ij", sizes, sizes))
    if n >= LEAST_SAMPLED and not energy > 0.5 * MEAN_SQUARE * n * (n - 1):
        raise ValueError("operand A is no full matrix of random values")
    return rho, row


def _exact_error(a: Any, factor: Any, i: int, j: int) -> float:
    """Return |L L^T - A| of one entry over the size that A lets one expect there."""
    left, right = factor(i, i + 1)[0].tolist(), factor(j, j + 1)[0].tolist()
    entry = float(a(i, i + 1)[0, j])
    if not all(map(math.isfinite, (*left, *right, entry))):
        return math.nan
    used = min(i, j) + 1
    exact = sum(Fraction(p) * Fraction(q) for p, q in zip(left[:used], right[:used])) - Fraction(entry)
    return abs(float(exact)) / max(abs(entry), math.sqrt(MEAN_SQUARE))
