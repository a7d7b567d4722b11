"""Proof that x solves A x = b: a residual as small as Gaussian elimination with partial pivoting leaves it, row by row.

Elimination solves (A + E) x = b exactly, and E_ij is a sum of roundings. With entries of one size in E and in A, and
relative errors of rho, the residual's row i is |A x - b|_i = rho |a_i| |x| / sqrt(n): rho is the largest of

    sqrt(n) |A x - b|_i / (|a_i| |x|),    in Euclidean norms, each row against its own.

An entry is rounded up to n times, which adds like sqrt(n), while entries grow by about n^(2/3) (L. N. Trefethen and
R. S. Schreiber, "Average-case stability of Gaussian elimination", 1990); the largest of n rows grows a little faster
still: rho <= (0.7 n^(5/4) + 32) u. Measured on random matrices, in units of this bound: OpenBLAS, MKL and Eigen 0.03 to
0.3 at n = 256 to 8000; one rounding an update 0.1 to 0.3, and 0.5 at worst in 40,000 systems of n <= 12. Three bfloat16
products in the stead of one of float32 leave 1.6 and more, no pivoting 8, TF32 80 (n = 128 to 3500). HPL's own number
is held to HPL's bound of 16 as well, which accepts most of these. A solution that was refined to the accuracy of its
dtype is right, however it was begun.

A x is summed pairwise in float64: its error, up to 7 units of 2^-53 at n = 2048, is lost in the bound. A few rows are
summed exactly.
"""

from __future__ import annotations

import importlib
import math
import random
from fractions import Fraction
from typing import Any

UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}
# Roundings, which add like sqrt(n), of entries that grow like n^(2/3), in the largest of n rows.
GROWTH = 5.0 / 4.0
SAFETY = 0.7
# Lets the growth start from something for small n, where a few roundings do not average out.
SHORT_SUM = 32.0
# Of the scaled residual in HPL 2.3, whose eps is the unit roundoff.
HPL_BOUND = 16.0
EXACT_ROWS = 8

Outcome = tuple[str, float, float]


def tolerance(dtype: str, n: int) -> float:
    """Return the largest rho of an honest solution."""
    return float(SAFETY * n**GROWTH + SHORT_SUM) * UNIT_ROUNDOFF[dtype]


def verify(operands: Any, result: Any, params: Any, *, seed: int, thorough: bool) -> list[Outcome]:
    """Check x (n x 1) against A (n x n) and b (n x 1); raises ValueError for an x that holds no numbers."""
    numpy = importlib.import_module("numpy")
    (a, b), dtype = operands, params["dtype"]
    n = a.shape[0]
    x, right = result(0, n)[:, 0], b(0, n)[:, 0]
    if not numpy.isfinite(x).all():
        raise ValueError("x holds NaN or infinities")
    if not x.any():
        raise ValueError("x is nothing but zeros")
    bound = tolerance(dtype, n)
    rows = random.Random(f"mambench solve {seed}").sample(range(n), min(n, EXACT_ROWS) if thorough else 0)
    with numpy.errstate(all="ignore"):
        rho, largest, norm = _residual(numpy, a, right, x)
        scale = UNIT_ROUNDOFF[dtype] * (norm * numpy.abs(x).max() + numpy.abs(right).max()) * n
        exact = [_exact_rho(numpy, a(i, i + 1)[0], right[i], x) for i in sorted(rows)]
    outcomes = [("backward_error", rho, bound), ("hpl_residual", float(largest / scale), HPL_BOUND)]
    return [*outcomes, ("exact_rows", float(numpy.max(exact)), bound)] if thorough else outcomes


def wrong_entry(operands: Any, result: Any, params: Any, **_look: Any) -> tuple[tuple[int], float, float] | None:
    """Return index, value and expected value of the entry of x that alone explains the residual; None if none does.

    With x wrong by d in entry j, A x - b is d times column j of A, and the projection on that column tells d.
    """
    numpy = importlib.import_module("numpy")
    (a, b), n = operands, operands[0].shape[0]
    x, right = result(0, n)[:, 0].copy(), b(0, n)[:, 0]
    broken = numpy.flatnonzero(~numpy.isfinite(x))
    value = x.copy()
    x[broken] = 0.0
    with numpy.errstate(all="ignore"):
        residual = numpy.concatenate([block @ x - right[start:stop] for start, stop, block in a.blocks()])
        products, squares = numpy.zeros(n), numpy.zeros(n)
        for start, stop, block in a.blocks():
            products += residual[start:stop] @ block
            squares += numpy.einsum("ij,ij->j", block, block)
        entry = int(broken[0]) if len(broken) else int((products**2 / squares).argmax())
        x[entry] -= products[entry] / squares[entry]
        left, _, _ = _residual(numpy, a, right, x)
    if not left <= tolerance(params["dtype"], n):
        return None
    return (entry,), float(value[entry]), float(x[entry])


def _residual(numpy: Any, a: Any, right: Any, x: Any) -> tuple[float, float, float]:
    """Return rho, the residual's largest entry and the largest sum of a row of |A|."""
    rho = largest = norm = 0.0
    for start, stop, block in a.blocks():
        residual = numpy.abs((block * x).sum(axis=1) - right[start:stop])
        relative = residual / _scale(numpy, block, x)
        # NaN is kept by numpy.maximum, and lost by Python's max.
        rho = numpy.maximum(rho, relative.max())
        largest = numpy.maximum(largest, residual.max())
        norm = numpy.maximum(norm, numpy.abs(block).sum(axis=1).max())
    return float(rho), float(largest), float(norm)


def _exact_rho(numpy: Any, row: Any, right: float, x: Any) -> float:
    if not (numpy.isfinite(row).all() and numpy.isfinite(right)):
        return math.nan
    total = sum(Fraction(p) * Fraction(q) for p, q in zip(row.tolist(), x.tolist())) - Fraction(float(right))
    return float(numpy.abs(float(total)) / _scale(numpy, row[None], x)[0])


def _scale(numpy: Any, rows: Any, x: Any) -> Any:
    """Return |a_i| |x| / sqrt(n) of these rows."""
    return numpy.sqrt(numpy.einsum("ij,ij->i", rows, rows) / len(x)) * numpy.sqrt(x @ x)
