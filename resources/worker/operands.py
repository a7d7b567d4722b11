"""Whether operands are what they are said to be: many values of one size, rows that have nothing in common.

The identity, a few rows repeated, a matrix of low rank or of zeros makes a product cheap or a check easy. Checks
assume independent values; normal, uniform and +-1 pass.
"""

from __future__ import annotations

import importlib
import math
import random
from typing import Any

from matrices import Matrix

SAMPLED_ROWS = 16
# Shorter rows say too little of their values.
LEAST_LENGTH = 64
# E x^4 / (E x^2)^2 about the mean: 3 for normal values, 1.8 for uniform ones, the row's length for the identity.
MOST_KURTOSIS = 10.0
# The root mean square of the cosine between independent rows of length k is 1 / sqrt(k); that of rank r 1 / sqrt(r).
MOST_COSINE = 4.0


def problem(matrix: Matrix, *, seed: int) -> str:
    """Return what is wrong with an operand in words, or nothing; some of its rows are read."""
    name, (count, length) = matrix.name, matrix.shape
    if length < LEAST_LENGTH:
        return ""
    chosen = random.Random(f"mambench operands {seed} {name}").sample(range(count), min(count, SAMPLED_ROWS))
    numpy: Any = importlib.import_module("numpy")
    values = numpy.concatenate([matrix(row, row + 1) for row in chosen])
    values = values - values.mean(axis=1, keepdims=True)
    energy = float((values**2).mean())
    if not (math.isfinite(energy) and energy > 0.0):
        return f"operand {name} holds NaN, infinities or a single value"
    kurtosis = float((values**4).mean()) / energy**2
    if kurtosis > MOST_KURTOSIS:
        return f"operand {name} is no full matrix of random values (kurtosis {kurtosis:.3g})"
    if len(chosen) > 1 and (cosine := _cosine(numpy, values)) > MOST_COSINE / math.sqrt(length):
        return f"operand {name} has rows that depend on each other (cosine {cosine:.2g})"
    return ""


def _cosine(numpy: Any, values: Any) -> float:
    """Return the root mean square of the cosine between two rows."""
    unit = values / numpy.sqrt((values**2).sum(axis=1, keepdims=True))
    count = len(unit)
    squares = float(((unit @ unit.T) ** 2).sum()) - count
    return math.sqrt(max(0.0, squares) / (count * (count - 1)))
