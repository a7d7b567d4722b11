"""Whether the machine changed its speed over a session, seen by the order of its rounds. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean

from mambench.analysis import student_t as student
from mambench.analysis.intervals import MIN_ROUNDS
from mambench.model import Result

LEVEL = 0.05
"""False alarms in a session without a drift."""


MIN_CHANGE = 0.02
"""Of the time of a run over the whole session; a smaller one changes no verdict."""


def drift(results: Iterable[Result]) -> float | None:
    """By how much runs took longer (above 0) at the end than at the start, as a logarithm; None for no drift.

    A regression of the logarithms of round medians, each less its row's mean, on the logarithm of the place in the
    session: a processor that warms up changes most at first. Draper and Smith, "Applied Regression Analysis" (1998), 1.
    """
    points: list[tuple[float, float]] = []
    rows = 0
    for result in results:
        if result.status == "ok" and len(result.rounds) >= MIN_ROUNDS:
            rows += 1
            times = [math.log(1 + each.order) for each in result.rounds]
            logs = [math.log(each.median_seconds) for each in result.rounds]
            points += [(at - fmean(times), log - fmean(logs)) for at, log in zip(times, logs, strict=True)]
    freedom = len(points) - rows - 1
    width = sum(at * at for at, _ in points)
    if freedom < 1 or width == 0:
        return None
    slope = sum(at * log for at, log in points) / width
    error = math.sqrt(sum((log - slope * at) ** 2 for at, log in points) / freedom / width)
    places = [math.log(1 + order) for order in (0, len(points) - 1)]
    change = slope * (places[1] - places[0])
    sure = error == 0 or student.tail(slope / error, freedom) < LEVEL
    return change if sure and abs(change) > MIN_CHANGE else None
