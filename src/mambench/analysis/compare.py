"""The speed of one result over another's, round by round: a paired t test on log ratios."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from mambench.analysis.intervals import LEVEL, MIN_ROUNDS, exp, p_value
from mambench.model import Report, Result

Verdict = Literal["faster", "slower", "same"]


MIN_RATIO = 1.02
"""A smaller difference is none that anybody should choose a stack by."""


@dataclass(frozen=True)
class Comparison:
    """The speed of one result over another's, round by round."""

    ratio: float | None
    p_value: float | None
    verdict: Verdict | None


def compare(a: Result, b: Result) -> Comparison:
    """How much faster `a` is than `b`: a paired t test on the logarithms of the ratios of their rounds.

    A verdict other than `same` needs p < 0.05 and more than 2 %; below three common rounds it is None.
    """
    ours, theirs = log_medians(a), log_medians(b)
    logs = [theirs[index] - ours[index] for index in sorted(ours.keys() & theirs.keys())]
    if not logs:
        return Comparison(ratio=None, p_value=None, verdict=None)
    if len(logs) < MIN_ROUNDS:
        return Comparison(ratio=exp(fmean(logs)), p_value=None, verdict=None)
    centre, chance = fmean(logs), p_value(logs)
    return Comparison(ratio=exp(centre), p_value=chance, verdict=_verdict(centre, chance))


def methodology_warning(baseline: Report, candidate: Report) -> str | None:
    """What to say before two reports are compared that were measured in different ways."""
    ours, theirs = baseline.methodology, candidate.methodology
    if ours == theirs:
        return None
    return (
        f"these reports were measured in different ways (methodology {ours} and {theirs}): part of a difference may "
        "come from that; measure both with one version"
    )


def log_medians(result: Result) -> dict[int, float]:
    if result.status != "ok":
        return {}
    return {each.index: math.log(each.median_seconds) for each in result.rounds}


def _verdict(log_ratio: float, p_value: float) -> Verdict:
    if p_value >= 1 - LEVEL or abs(log_ratio) <= math.log(MIN_RATIO):
        return "same"
    return "faster" if log_ratio > 0 else "slower"
