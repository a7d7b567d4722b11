"""When to stop measuring because the verdicts are sure, with the error kept. Pure.

A test after every round, each at 5 %, finds a difference between equal stacks in far more than 5 % of sessions. Here
the 5 % are spent: each look at the data has its part, and their sum is 5 %, so that by Boole's inequality the chance
of any false verdict stays below it. Spending function: K. K. G. Lan and D. L. DeMets, "Discrete sequential
boundaries for clinical trials", Biometrika 70 (1983), of Pocock's type.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from mambench.analysis.intervals import LEVEL
from mambench.analysis.verdicts import undecided
from mambench.model import Report, Result

LOOKS = (5, 10, 15, 20)
"""Rounds after which it may stop; after the last it does."""


def level(rounds: int) -> float:
    """What a test after so many rounds may spend; nothing where no look was planned."""
    if rounds not in LOOKS:
        return 0.0
    before = LOOKS[: LOOKS.index(rounds)]
    return _spent(rounds) - (_spent(before[-1]) if before else 0.0)


def _spent(rounds: int) -> float:
    return (1 - LEVEL) * math.log(1 + (math.e - 1) * rounds / LOOKS[-1])


def is_sure(results: Iterable[Result], rounds: int) -> bool:
    """Whether each group of rows has a fastest one at a look after so many rounds."""
    return rounds in LOOKS and not undecided(results, level=level(rounds))


def level_of(report: Report) -> float:
    """Of a report's verdicts: one number for all reports with a fixed number of rounds."""
    if not report.settings.get("until_sure"):
        return 1 - LEVEL
    return level(max((len(result.rounds) for result in report.results), default=0))
