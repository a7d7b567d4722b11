"""Proof that y is the discrete Fourier transform of x, without a transform: weighted sums of all bins.

With w = exp(-2 pi i / N), y_k = sum_j x_j w^jk. Summed with weights z^k, |z| = 1, it is a geometric series in each x_j:

    sum_k y_k z^k = sum_j x_j (1 - z^N) / (1 - z w^j)        1 / (1 - exp(2 i a)) = (1 + i cot a) / 2

The left side is one pass over y, the right side one over x. z = exp(2 pi i p / N); the whole part of p is any of
0 .. N - 1 and its fraction a multiple of 2^-16 in [1/4, 3/4], both drawn when the check begins. So no p - j comes
nearer to 0 than 1/4, no term exceeds N |x_j|, and as all p - j and p k (mod N) are formed without rounding, in integers
and float64, each term is good to a few units in its last place. For m rows of n points, transformed in both
dimensions, the weights are z_1^k1 z_2^k2 and the series one for each.

|y| is sqrt(N) |x| (Parseval), and the sums are of that size too. Rounding leaves errors e in the bins that are as good
as independent: their weighted sum is about |e|, and more than t |e| in exp(-t^2) of all cases. |e| is about
0.6 u sqrt(log2 N) |y| (W. M. Gentleman and G. Sande, "Fast Fourier transforms: for fun and profit", 1966;
J. C. Schatzman, "Accuracy of the discrete Fourier transform and the fast Fourier transform", 1996). Errors of any other
origin are seen in the same way: 1/64 of the bins zero, stale or in another order is about |y| / 8, a single bin
|y| / sqrt(N).

x and y are matrices of float64 with (re, im) in neighbouring columns, rows in the order of memory; the length of a
row divides n.
"""

from __future__ import annotations

import importlib
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# Unit roundoffs of IEEE 754.
UNIT_ROUNDOFF = {"float64": 2.0**-53, "float32": 2.0**-24}
# 27 times 0.6, and 9 times what roots of unity of float32 angles leave, such as MLX has. Of the bound, 1,500 transforms
# used 0.15 by libraries, 0.11 by plain radix 2, 0.19 with such angles, and 0.20 in float64; values with 16 bits of
# mantissa exceed it twice, TF32 45 times (measured).
SAFETY = 16.0
# What the check's own sums in float64 may add, in its unit roundoff.
OWN_ROUNDINGS = 64.0
FUNCTIONALS = 4
# Of more no entry is named: that takes a transform in float64, of 16 bytes a point and as many again.
MOST_LOCATED = 2**24
# One bin of each 1/16 of them.
EXACT_BINS = 16
# Parts of a position are k / PARTS: with sizes below 2^31 everything stays exact in 53 bits.
PARTS = 2**16
# Elements that are summed as they come; the sums of these are summed pairwise.
PIECE = 64
# So many pieces from p on, tan a is so many times tan b, and their difference loses less than a bit.
FAR_PIECES = 4

Position = tuple[int, float]
Shape = tuple[int, int]
Outcome = tuple[str, float, float]


@dataclass(frozen=True)
class Wave:
    """Weights exp(2 pi i (p_1 k1 / m + p_2 k2 / n)) of the element (k1, k2); each p is (whole, part)."""

    rows: Position
    columns: Position


@dataclass(frozen=True)
class Sums:
    """|y|^2, the weighted sums of y's bins and some of the bins: as they are, or as x has them."""

    energy: float
    weighted: Any
    bins: Any


def tolerance(dtype: str, points: int) -> float:
    """Return the largest error of an honest sum, relative to |y|: 16 u sqrt(log2 N), and 64 roundings of the check."""
    return SAFETY * UNIT_ROUNDOFF[dtype] * math.sqrt(math.log2(points)) + OWN_ROUNDINGS * UNIT_ROUNDOFF["float64"]


def verify(operands: tuple[Any], result: Any, params: dict[str, Any], *, seed: int, thorough: bool) -> list[Outcome]:
    """Compare |y|^2, weighted sums of all bins and, if thorough, 16 bins with what they have to be by x."""
    numpy: Any = importlib.import_module("numpy")
    (x,) = operands
    shape = params["m"], params["n"]
    points = math.prod(shape)
    bound = tolerance(params["dtype"], points)
    rng = random.Random(f"mambench unitary {seed}")
    waves = [Wave(_position(rng, shape[0]), _position(rng, shape[1])) for _ in range(FUNCTIONALS)]
    bins = _bins(rng, points) if thorough else []
    with numpy.errstate(all="ignore"):
        wanted = _wanted(numpy, x, shape, waves, bins)
        measured = _found(numpy, result, shape, waves, bins)
        norm = numpy.sqrt(wanted.energy)
        outcomes = [
            ("parseval", float(abs(measured.energy / wanted.energy - 1.0)), 2.0 * bound),
            ("weighted_bins", float((abs(measured.weighted - wanted.weighted) / norm).max()), bound),
        ]
        if bins:
            worst = (abs(measured.bins - wanted.bins) / (norm / math.sqrt(points))).max()
            outcomes.append(("exact_bins", float(worst), bound))
    return outcomes


def wrong_entry(
    operands: tuple[Any], result: Any, params: dict[str, Any], **_look: Any
) -> tuple[tuple[int, ...], float, float, str] | None:
    """Return index, value, expected value and words on others, by numpy's own transform in float64.

    The last number of the index is 0 for the real part of a bin and 1 for the imaginary one.
    """
    numpy: Any = importlib.import_module("numpy")
    m, n = params["m"], params["n"]
    if m * n > MOST_LOCATED:
        return None
    x, y = (numpy.concatenate([block.ravel() for _, _, block in each.blocks()]) for each in (*operands, result))
    with numpy.errstate(all="ignore"):
        wanted = numpy.fft.fft2(x.view(complex).reshape(m, n)).reshape(-1)
        difference = y.view(complex) - wanted
        bound = tolerance(params["dtype"], m * n) * numpy.sqrt(x @ x)  # a bin is as large as |x|
        wrong = ~(abs(difference) <= bound)
        worst = int(abs(difference).argmax())  # NaN, if there is one
        part = int(abs(difference.view(float)[2 * worst : 2 * worst + 2]).argmax())
    expected = float(wanted.view(float)[2 * worst + part])
    if not (wrong[worst] and math.isfinite(expected)):
        return None
    count = int(numpy.count_nonzero(wrong))
    others = f"{count} of the {m * n} bins are wrong" if count > 1 else ""
    index = (worst,) if m == 1 else divmod(worst, n)
    return (*index, part), float(y[2 * worst + part]), expected, others


def _position(rng: random.Random, size: int) -> Position:
    """Draw a place between two of the `size` roots of unity, at least a quarter of their distance from both."""
    return rng.randrange(size), rng.randrange(PARTS // 4, 3 * PARTS // 4 + 1) / PARTS


def _bins(rng: random.Random, points: int) -> list[int]:
    """Draw one bin of each 1/16 of them, in rising order."""
    edges = [points * part // EXACT_BINS for part in range(EXACT_BINS + 1)]
    return [rng.randrange(start, stop) for start, stop in zip(edges, edges[1:]) if start < stop]


def _wanted(numpy: Any, x: Any, shape: Shape, waves: list[Wave], bins: list[int]) -> Sums:
    """Return the sums by one pass over x."""
    m, n = shape
    roots = [Wave((-(k // n) % m, 0.0), (-k % n, 0.0)) for k in bins]
    energy, weighted, exact = 0.0, numpy.zeros(len(waves), complex), numpy.zeros(len(bins), complex)
    for starts, pieces in _pieces(numpy, x):
        energy += _energy(numpy, pieces)
        weighted += _series(numpy, pieces, starts, shape, waves)
        if bins:
            exact += _waved(numpy, pieces, starts, shape, roots)
    return Sums(m * n * energy, weighted, exact)


def _found(numpy: Any, y: Any, shape: Shape, waves: list[Wave], bins: list[int]) -> Sums:
    """Return the sums by one pass over y."""
    energy, weighted, exact = 0.0, numpy.zeros(len(waves), complex), []
    for starts, pieces in _pieces(numpy, y):
        energy += _energy(numpy, pieces)
        weighted += _waved(numpy, pieces, starts, shape, waves)
        exact += [pieces.flat[k - starts[0]] for k in bins if 0 <= k - starts[0] < pieces.size]
    return Sums(energy, weighted, numpy.array(exact))


def _pieces(numpy: Any, matrix: Any) -> Iterator[tuple[Any, Any]]:
    """Yield pieces of rows, as rows of complex numbers, after the places of their first elements in memory."""
    width = matrix.shape[1] // 2
    piece = math.gcd(width, PIECE)
    for start, stop, block in matrix.blocks():
        pieces = numpy.ascontiguousarray(block).view(complex).reshape(-1, piece)
        yield numpy.arange(start * width, stop * width, piece, dtype="int64"), pieces


def _energy(numpy: Any, pieces: Any) -> Any:
    return numpy.square(pieces.view(float)).sum()


def _waved(numpy: Any, pieces: Any, starts: Any, shape: Shape, waves: list[Wave]) -> Any:
    """Return the sum of all elements with the weights of each wave."""
    m, n = shape
    inside = numpy.array([_turned(numpy, wave.columns, n, numpy.arange(pieces.shape[1])) for wave in waves])
    outside = [_turned(numpy, w.rows, m, starts // n) * _turned(numpy, w.columns, n, starts % n) for w in waves]
    return (inside @ pieces.T * outside).sum(axis=1)


def _turned(numpy: Any, position: Position, size: int, index: Any) -> Any:
    """Return exp(2 pi i p k / N); p k is taken modulo N without rounding."""
    whole, part = position
    turns = (whole * index % size + part * index) / size
    return numpy.exp(2j * math.pi * (turns - numpy.rint(turns)))


def _series(numpy: Any, pieces: Any, starts: Any, shape: Shape, waves: list[Wave]) -> Any:
    """Return what these elements of x add to each weighted sum of bins: a series of the rows by one of the columns."""
    m, n = shape
    plain, sums = pieces.sum(axis=1), []
    for wave in waves:
        columns = plain + 1j * (pieces * _cotangents(numpy, wave.columns, n, starts % n, pieces.shape[1])).sum(axis=1)
        rows = 1.0 + 1j * _cotangents(numpy, wave.rows, m, starts // n, 1)[:, 0]
        sums.append(_half(numpy, wave.rows) * _half(numpy, wave.columns) * (rows * columns).sum())
    return numpy.array(sums)


def _half(numpy: Any, position: Position) -> Any:
    """Return (1 - z^N) / 2."""
    return (1.0 - numpy.exp(2j * math.pi * position[1])) / 2.0


def _cotangents(numpy: Any, position: Position, size: int, starts: Any, width: int) -> Any:
    """Return cot(pi (p - j) / N) for `width` indices j from each start, as rows.

    Far from p it is cot(a - b) = (1 + tan a tan b) / (tan a - tan b) with a of the start and b of the place after it;
    near p that difference would lose digits, so that cot is taken itself.
    """
    places, unit = numpy.arange(width), math.pi / size
    distances = _folded(numpy, sum(position) - starts, size)[:, None]
    far, inside = numpy.tan(distances * unit), numpy.tan(places * unit)
    cotangents = (1.0 + far * inside) / (far - inside)
    near = abs(distances[:, 0]) < FAR_PIECES * width
    cotangents[near] = 1.0 / numpy.tan(_folded(numpy, distances[near] - places, size) * unit)
    return cotangents


def _folded(numpy: Any, places: Any, size: int) -> Any:
    """Return p - j modulo N, from -N/2 to N/2; nothing is rounded."""
    return places - size * numpy.rint(places / size)
