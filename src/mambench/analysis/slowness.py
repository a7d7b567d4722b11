"""Which of many alike are slow: a robust rule on the logarithms of their rates. Pure.

The modified z-score of Iglewicz and Hoaglin, "How to Detect and Handle Outliers" (1993): the distance from the median
in units of the median absolute deviation (MAD), which a few slow ones hardly move.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from mambench.analysis import student_t

MIN_NODES = 3
"""Of two that differ nobody can tell which of them is slow."""

MIN_SLOWER = 0.03
"""As a part of the median. It is the difference that five rounds find (docs/methodology.md)."""

MIN_DEVIATION = 0.005
"""Equal nodes differ by about 0.5 % (standard deviation): a smaller MAD is luck."""

FALSE_ALARMS = 0.01
"""The chance that any node of a fleet of equal ones is named, shared by all its values (Bonferroni)."""

FREEDOM_PER_NODE = 0.4
"""The modified z-scores of n normal values have the tails of Student's t with 0.39 to 0.6 n degrees of freedom (three:
0.36 n), simulated for n = 3 to 200 and chances of 0.1 to 4 %: docs/fleet.md. 200 nodes of 8 rows are thus held to 4.7,
not to Iglewicz and Hoaglin's 3.5."""

MAD_TO_DEVIATION = 1.4826
"""Of a normal distribution: 1 / 0.6745."""

MAX_UNSEEN = 0.2
"""Whoever lacks so much of the median's speed is slow, however few the nodes, whose scatter then says little. Sessions
on a virtual machine lay 4.8 % apart (standard deviation, docs/compare.md), and this is more than four times as much."""

OWN_ERRORS = 6.0
"""A node that is slow lies so many standard errors of its own rounds below the median. Four slow rounds in five, as
neighbours on one host cause them, make it five."""

MIN_FOR_KINDS = 20
"""Fewer nodes fall into two kinds by chance."""

SMALLEST_KIND = 0.2
"""As a part of all; fewer are slow nodes, each by name."""


@dataclass(frozen=True)
class Yardstick:
    """What the values of alike nodes are held against."""

    centre: float
    """The median of the logarithms of their rates."""
    deviation: float
    """Robust standard deviation of these."""
    limit: float
    """So many deviations below the centre a node is slow."""

    @property
    def seen_from(self) -> float:
        """The smallest part of speed whose lack is told of a node with steady rounds."""
        return 1 - math.exp(-self._below(0.0))

    def score(self, logarithm: float) -> float:
        """The modified z-score, negative below the centre."""
        return (logarithm - self.centre) / self.deviation

    def is_slow(self, logarithm: float, error: float) -> bool:
        """Whether a node with this value, whose rounds tell it to within this standard error, is slow."""
        return self.centre - logarithm >= self._below(error)

    def _below(self, error: float) -> float:
        told = max(self.limit * self.deviation, OWN_ERRORS * error)
        return max(-math.log1p(-MIN_SLOWER), min(told, -math.log1p(-MAX_UNSEEN)))


def yardstick(logarithms: Sequence[float], *, values: int) -> Yardstick:
    """Of one row over nodes; `values` counts those of all rows, each of which may give a false alarm."""
    centre, deviation = _robust(logarithms)
    chance = FALSE_ALARMS / max(values, 1)
    limit = student_t.quantile(1 - chance, FREEDOM_PER_NODE * len(logarithms))
    return Yardstick(centre, max(deviation, MIN_DEVIATION), limit)


def split(logarithms: Sequence[float]) -> float | None:
    """Where the values fall into two kinds, as after an update of half the nodes; None where they are of one kind.

    The widest gap between neighbours, with a fifth of the values on each side, parts them. The halves of one normal
    distribution are then less than `_apart` deviations apart in all but one case in 10,000 (docs/fleet.md).
    """
    ordered, count = sorted(logarithms), len(logarithms)
    if count < MIN_FOR_KINDS:
        return None
    edge = math.ceil(SMALLEST_KIND * count)
    at = max(range(edge, count - edge + 1), key=lambda index: ordered[index] - ordered[index - 1])
    (slower, deviation), (faster, other) = _robust(ordered[:at]), _robust(ordered[at:])
    apart = faster - slower
    if 1 - math.exp(-apart) < MIN_SLOWER or apart < _apart(count) * max(deviation, other, MIN_DEVIATION):
        return None
    return (ordered[at - 1] + ordered[at]) / 2


def _apart(count: int) -> float:
    return max(5.0, 200 / count)


def _robust(logarithms: Sequence[float]) -> tuple[float, float]:
    """Median and robust standard deviation."""
    centre = median(logarithms)
    return centre, MAD_TO_DEVIATION * median(abs(each - centre) for each in logarithms)
