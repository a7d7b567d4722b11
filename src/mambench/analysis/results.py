"""Rounds to a result: median, interval, verdict, warnings. Pure.

The round is the unit. Two processes of one stack differ by about 1 %, and intervals from the samples of
single processes are disjoint far too often, so every interval and every verdict rests on one number a round.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median

from mambench.analysis.intervals import MIN_ROUNDS, exp, mean_and_half_width
from mambench.analysis.rounds import failure_of, pooled, spread
from mambench.analysis.warnings import warnings
from mambench.model import Failure, Reason, Result, Round, Statistic, Trial


def summarise(trial: Trial, rounds: Sequence[Round]) -> Result:
    """A trial's result; any round that failed, or holds a wrong result, leaves it without a number."""
    rounds = tuple(rounds)
    failure = _failure(rounds)
    seen = tuple(dict.fromkeys(warnings(trial, rounds)))
    if failure is not None:
        return Result(trial=trial, status=failure.status, rounds=rounds, failure=failure, warnings=seen)
    seconds = _seconds(rounds)
    return Result(
        trial=trial,
        status="ok",
        rounds=rounds,
        seconds=seconds,
        rate=_rate(trial.work, seconds),
        spread=spread(rounds),
        warnings=seen,
    )


def _failure(rounds: tuple[Round, ...]) -> Failure | None:
    if not rounds:
        return Failure("failed", Reason.PROTOCOL, "no round was measured; run it again")
    return next((failure for each in rounds if (failure := failure_of(each)) is not None), None)


def _seconds(rounds: Sequence[Round]) -> Statistic:
    medians = [each.median_seconds for each in rounds]
    low = high = None
    if len(medians) >= MIN_ROUNDS:
        centre, half = mean_and_half_width([math.log(value) for value in medians])
        low, high = exp(centre - half), exp(centre + half)
    return Statistic(median=median(medians), best=min(pooled(rounds)), low=low, high=high)


def _rate(work: float, seconds: Statistic) -> Statistic:
    """Work over the matching statistic of seconds: the low one from the high one."""
    return Statistic(
        median=work / seconds.median,
        best=work / seconds.best,
        low=None if seconds.high is None else work / seconds.high,
        high=None if seconds.low is None else work / seconds.low,
    )
