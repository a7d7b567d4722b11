"""Student's t distribution: tail probability and quantile, exact to the last digits, without a library.

Sources: Abramowitz and Stegun (A&S) 26.5 and 26.7; DLMF 8.17.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache


def tail(t: float, freedom: float) -> float:
    """The probability that |T| exceeds |t|: I_x(v/2, 1/2) at x = v/(v + t^2), A&S 26.7.1 and 26.5.27."""
    square = t * t
    if math.isinf(square):
        return 0.0
    whole = freedom + square
    return _incomplete_beta(freedom / 2, 0.5, x=freedom / whole, rest=square / whole)


@lru_cache(maxsize=2048)
def quantile(probability: float, freedom: float) -> float:
    """The t that T stays below with this probability, above one half, by bisection of `tail`."""
    if not 0.5 <= probability < 1:
        raise ValueError(f"a probability from 0.5 to below 1, not {probability}")
    both = 2 * (1 - probability)
    return _bisected(lambda t: tail(t, freedom) > both)


def _bisected(below: Callable[[float], bool]) -> float:
    """The positive number at which `below` turns false, to the last bit."""
    low, high = 0.0, 1.0
    while below(high):
        low, high = high, 2 * high
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if below(middle) else (low, middle)
    return high if low > 0 else low


def _incomplete_beta(a: float, b: float, *, x: float, rest: float) -> float:
    """The regularised I_x(a, b); `rest` is 1 - x, given apart because it loses its digits near x = 1."""
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, x=rest, rest=x)
    logarithm = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(rest)
    return math.exp(logarithm) / (a * _continued_fraction(a, b, x))


def _continued_fraction(a: float, b: float, x: float) -> float:
    """DLMF 8.17.22, evaluated from the front as Lentz does (Thompson, Barnett, J. Comput. Phys. 64, 1986)."""
    tiny = 1e-300
    value, upper, lower = 1.0, 1.0, 0.0
    for term in range(1, 10_000):
        m = term // 2
        if term % 2:
            coefficient = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            coefficient = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        lower = 1 / (1 + coefficient * lower or tiny)
        upper = 1 + coefficient / upper or tiny
        factor = upper * lower
        value *= factor
        if abs(factor - 1) < 1e-15:
            break
    return value
