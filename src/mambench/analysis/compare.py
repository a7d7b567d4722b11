"""The speed of one result over another's: paired by round within a report, by Welch's t between reports. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Literal

from mambench.analysis import student_t as student
from mambench.analysis.digest import DigestRow
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
    return Comparison(exp(centre), chance, verdict_of(exp(centre), proven=chance < 1 - LEVEL))


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


def verdict_of(ratio: float, *, proven: bool) -> Verdict:
    """What is said of a ratio of speeds: nobody should choose by less than 2 %, proven or not."""
    if not proven or abs(math.log(ratio)) <= math.log(MIN_RATIO):
        return "same"
    return "faster" if ratio > 1 else "slower"


# ------------------------------------------------------------------------------------------ between reports


@dataclass(frozen=True)
class Shift:
    """How far sessions of one unchanged stack lie apart, of the logarithm of their speed, beyond what rounds tell."""

    deviation: float
    freedom: int
    """Sessions that told it, less one."""


QUIET, DISTURBED = Shift(0.040, 15), Shift(0.345, 38)
"""Measured once by scripts/bench_sessions.py: docs/compare.md has the experiment."""


MIN_SESSIONS = 3
"""So many sessions of one side tell by themselves how far sessions lie apart."""


@dataclass(frozen=True)
class Difference:
    """The speed of a candidate over a baseline, measured in different sessions; None without an interval."""

    ratio: float
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


@dataclass(frozen=True)
class _Mean:
    """A mean of logarithms of seconds, and the parts of its variance, each with its degrees of freedom."""

    value: float
    parts: tuple[tuple[float, float], ...] = ()
    quiet: float = 0.0
    disturbed: float = 0.0
    """How much of each variance between sessions, as it was measured once, comes on top."""
    has_error: bool = True


def between(baseline: Sequence[DigestRow], candidate: Sequence[DigestRow]) -> Difference | None:
    """How much faster the candidate is; rounds of different sessions have nothing in common, and are not paired.

    Each row is of another session. Below three sessions a side, their means have the variance that their rounds tell
    and on top of it the one between sessions, `QUIET` or `DISTURBED`. From three on they tell both, and are the unit.
    The sum's degrees of freedom: Welch, Biometrika 34 (1947); Satterthwaite, Biometrics Bulletin 2 (1946). None where
    a side has no row.
    """
    if not (baseline and candidate):
        return None
    ours, theirs = _mean(candidate), _mean(baseline)
    centre = theirs.value - ours.value
    if not (ours.has_error and theirs.has_error):
        return Difference(exp(centre))
    quiet = (ours.quiet + theirs.quiet) * QUIET.deviation**2, QUIET.freedom
    disturbed = (ours.disturbed + theirs.disturbed) * DISTURBED.deviation**2, DISTURBED.freedom
    parts = [each for each in (*ours.parts, *theirs.parts, quiet, disturbed) if each[0] > 0]
    total = sum(part for part, _ in parts)
    if total == 0:
        return Difference(exp(centre), exp(centre), exp(centre), 1.0 if centre == 0 else 0.0)
    freedom = total**2 / sum(part**2 / each for part, each in parts)
    freedom = math.floor(10 * freedom) / 10  # a quantile is kept for the next row that needs it
    half = student.quantile((1 + LEVEL) / 2, freedom) * math.sqrt(total)
    chance = student.tail(centre / math.sqrt(total), freedom)
    return Difference(exp(centre), exp(centre - half), exp(centre + half), chance)


def _mean(rows: Sequence[DigestRow]) -> _Mean:
    """Of the sessions of one side."""
    if len(rows) >= MIN_SESSIONS:
        means = [row.log_mean for row in rows]
        return _Mean(fmean(means), ((variance(means) / len(means), len(means) - 1),))
    if len(rows) == 1 and (error := rows[0].squared_error) is not None:  # the usual case, of many in a large comparison
        (row,) = rows
        return _Mean(
            row.log_mean, ((error, row.rounds - 1),), quiet=float(not row.disturbed), disturbed=float(row.disturbed)
        )
    known = [(row, error) for row in rows if (error := row.squared_error) is not None]
    if not known:
        return _Mean(fmean(row.log_mean for row in rows), has_error=False)
    count = len(known)
    parts = tuple((error / count**2, row.rounds - 1) for row, error in known)
    disturbed = sum(row.disturbed for row, _ in known)
    value = fmean(row.log_mean for row, _ in known)
    return _Mean(value, parts, quiet=(count - disturbed) / count**2, disturbed=disturbed / count**2)


def proven(chances: Sequence[float | None], *, level: float = 1 - LEVEL) -> list[bool]:
    """Which of several differences hold together, by Holm's procedure; None is a difference that has no test."""
    tests = sorted((chance, position) for position, chance in enumerate(chances) if chance is not None)
    holds = [False] * len(chances)
    for done, (chance, position) in enumerate(tests):
        if chance >= level / (len(tests) - done):
            break
        holds[position] = True
    return holds
