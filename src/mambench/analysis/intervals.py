"""Means, intervals and p-values of one number a round, by Student's t."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, stdev

from mambench.analysis import student_t as student

LEVEL = 0.95
"""Of every interval; a verdict needs a p below what is left."""


MIN_ROUNDS = 3
"""Fewer rounds give neither an interval nor a verdict."""


def mean_and_half_width(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and how far the 95 % interval reaches on either side of it."""
    freedom = len(values) - 1
    return fmean(values), student.quantile((1 + LEVEL) / 2, freedom) * stdev(values) / math.sqrt(len(values))


def p_value(values: Sequence[float]) -> float:
    """Two-sided, of a mean that differs from 0; without any deviation it is 1 for a mean of 0, else 0."""
    centre, error = fmean(values), stdev(values) / math.sqrt(len(values))
    if error == 0:
        return 1.0 if centre == 0 else 0.0
    return student.tail(centre / error, len(values) - 1)


def exp(value: float) -> float:
    """An exponential that stays a finite number, however wide an interval is."""
    return math.exp(min(max(value, -300.0), 300.0))
