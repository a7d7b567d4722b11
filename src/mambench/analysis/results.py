"""Rounds to a result: median, interval, verdict, warnings. Pure.

The round is the unit. Two processes of one stack differ by about 1 %, and intervals from the samples of
single processes are disjoint far too often, so every interval and every verdict rests on one number a round.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, median, quantiles, stdev
from typing import Any, Literal

from mambench.analysis import student_t as student
from mambench.analysis.words import counted
from mambench.model import Failure, Reason, Result, Round, RowWarning, Sample, Statistic, Trial, WarningKind

Verdict = Literal["faster", "slower", "same"]

LEVEL = 0.95
"""Of every interval; a verdict needs a p below what is left."""

MIN_ROUNDS = 3
"""Fewer rounds give neither an interval nor a verdict."""

MIN_RATIO = 1.02
"""A smaller difference is none that anybody should choose a stack by."""

MAX_SPREAD = 0.10
"""pyperf warns at the same spread."""

MAX_OTHER_CPU_PERCENT = 10.0
MAX_STEAL_PERCENT = 1.0

PLAUSIBLE_SECONDS = (1e-12, 1e9)
"""A run outside has a broken clock or a broken worker; inside, every statistic is a finite number."""


@dataclass(frozen=True)
class Comparison:
    """The speed of one result over another's, round by round."""

    ratio: float | None
    p_value: float | None
    verdict: Verdict | None


# ------------------------------------------------------------------------------------------- one result


def summarise(trial: Trial, rounds: Sequence[Round]) -> Result:
    """A trial's result; any round that failed, or holds a wrong product, leaves it without a number."""
    rounds = tuple(rounds)
    failure = _failure(rounds)
    warnings = tuple(dict.fromkeys(_warnings(trial, rounds)))
    if failure is not None:
        return Result(trial=trial, status=failure.status, rounds=rounds, failure=failure, warnings=warnings)
    seconds = _seconds(rounds)
    return Result(
        trial=trial,
        status="ok",
        rounds=rounds,
        seconds=seconds,
        gflops=_gflops(trial.work, seconds),
        spread=_spread(rounds),
        warnings=warnings,
    )


def _failure(rounds: tuple[Round, ...]) -> Failure | None:
    if not rounds:
        return Failure("failed", Reason.PROTOCOL, "no round was measured; run it again")
    return next((found for one in rounds if (found := _failure_of(one)) is not None), None)


def _failure_of(one: Round) -> Failure | None:
    """The failure that the runner found, or the one that the round's own numbers are."""
    if one.failure is not None:
        return one.failure
    wrong = [check.name for check in one.checks if not check.ok]
    if wrong:
        message = f"the product is wrong ({', '.join(wrong)}); update or rebuild this stack"
        return Failure("failed", Reason.WRONG_RESULT, message, one.log)
    if not one.samples:
        message = f"round {one.index} has no timed run; see its log"
        return Failure("failed", Reason.PROTOCOL, message, one.log)
    if not all(_plausible(sample) for sample in one.samples):
        message = f"round {one.index} reports a time that no run can take; see its log"
        return Failure("failed", Reason.PROTOCOL, message, one.log)
    return None


def _plausible(sample: Sample) -> bool:
    low, high = PLAUSIBLE_SECONDS
    return sample.loops >= 1 and low <= sample.run_seconds <= high


def _pooled(rounds: Iterable[Round]) -> list[float]:
    return [sample.run_seconds for one in rounds for sample in one.samples]


def _seconds(rounds: Sequence[Round]) -> Statistic:
    medians = [one.median_seconds for one in rounds]
    low = high = None
    if len(medians) >= MIN_ROUNDS:
        centre, half = _mean_and_half_width([math.log(value) for value in medians])
        low, high = _exp(centre - half), _exp(centre + half)
    return Statistic(median=median(medians), best=min(_pooled(rounds)), low=low, high=high)


def _gflops(work: int, seconds: Statistic) -> Statistic:
    """Work over the matching statistic of seconds: the low one from the high one."""
    return Statistic(
        median=work * 1e-9 / seconds.median,
        best=work * 1e-9 / seconds.best,
        low=None if seconds.high is None else work * 1e-9 / seconds.high,
        high=None if seconds.low is None else work * 1e-9 / seconds.low,
    )


def _spread(rounds: Iterable[Round]) -> float | None:
    """Interquartile range over median, of the samples of all rounds together; None for a single sample."""
    values = _pooled(rounds)
    if len(values) < 2:
        return None
    lower, middle, upper = quantiles(values, n=4, method="inclusive")
    return (upper - lower) / middle


# --------------------------------------------------------------------------------------------- warnings


def _warnings(trial: Trial, rounds: tuple[Round, ...]) -> Iterator[RowWarning]:
    spread = _spread(one for one in rounds if _failure_of(one) is None)
    if spread is not None and spread > MAX_SPREAD:
        yield RowWarning(WarningKind.SPREAD, percent=100 * spread)
    other = _largest(rounds, "other_cpu_percent")
    if other > MAX_OTHER_CPU_PERCENT:
        yield RowWarning(WarningKind.OTHER_PROGRAM, percent=other)
    steal = _largest(rounds, "steal_percent")
    if steal > MAX_STEAL_PERCENT:
        yield RowWarning(WarningKind.STEAL, percent=steal)
    if any(one.conditions.get("throttled") is True for one in rounds):
        yield RowWarning(WarningKind.THROTTLED, "CPU" if trial.device.startswith("cpu") else "GPU")
    if any(one.conditions.get("on_battery") is True for one in rounds):
        yield RowWarning(WarningKind.BATTERY)
    variables = sorted({name for one in rounds for name in _thread_variables(one.conditions)})
    if variables:
        yield RowWarning(WarningKind.THREAD_VARIABLES, ", ".join(variables))
    if any(_failure_of(one) is None and not one.checks for one in rounds):
        yield RowWarning(WarningKind.UNCHECKED)
    for one in rounds:
        yield from one.warnings


def _largest(rounds: Iterable[Round], key: str) -> float:
    values = (one.conditions.get(key) for one in rounds)
    return max((float(value) for value in values if isinstance(value, (int, float))), default=0.0)


def _thread_variables(conditions: Mapping[str, Any]) -> list[str]:
    found = conditions.get("thread_variables") or ()
    if isinstance(found, Mapping):
        return [f"{name}={value}" for name, value in found.items()]
    return [found] if isinstance(found, str) else [str(name) for name in found]


# ------------------------------------------------------------------------------------------ comparisons


def compare(a: Result, b: Result) -> Comparison:
    """How much faster `a` is than `b`: a paired t test on the logarithms of the ratios of their rounds.

    A verdict other than `same` needs p < 0.05 and more than 2 %; below three common rounds it is None.
    """
    ours, theirs = _log_medians(a), _log_medians(b)
    logs = [theirs[index] - ours[index] for index in sorted(ours.keys() & theirs.keys())]
    if not logs:
        return Comparison(ratio=None, p_value=None, verdict=None)
    if len(logs) < MIN_ROUNDS:
        return Comparison(ratio=_exp(fmean(logs)), p_value=None, verdict=None)
    centre, p_value = fmean(logs), _p_value(logs)
    return Comparison(ratio=_exp(centre), p_value=p_value, verdict=_verdict(centre, p_value))


def _log_medians(result: Result) -> dict[int, float]:
    if result.status != "ok":
        return {}
    return {one.index: math.log(one.median_seconds) for one in result.rounds}


def _verdict(log_ratio: float, p_value: float) -> Verdict:
    if p_value >= 1 - LEVEL or abs(log_ratio) <= math.log(MIN_RATIO):
        return "same"
    return "faster" if log_ratio > 0 else "slower"


def verdicts(results: Iterable[Result]) -> tuple[str, ...]:
    """One plain line for each group of rows that differ in their stack only, where something can be said.

    Two claims, each made in a way that having picked the fastest after the fact does not spoil:

    - "fastest is A" needs A to beat *every* other row. All those tests have to succeed, so none needs a
      correction, and the worst case is two equal rows: Gutmann and Maymin, "Is the selected population the
      best?", Annals of Statistics 15 (1987).
    - "C is slower than A", when A ties with another row, is one of many pairs that could have been picked:
      Holm's step-down correction over all pairs of the group.
    """
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in results:
        if result.verified and len(result.rounds) >= MIN_ROUNDS:
            groups.setdefault(result.trial.group, []).append(result)
    several = len({key[0] for key in groups}) > 1
    lines = ((_line(rows, name_benchmark=several), rows) for rows in groups.values())
    return tuple(line + _caveat(rows) for line, rows in lines if line is not None)


def _caveat(rows: Iterable[Result]) -> str:
    """What a reader of the verdict alone must know."""
    other = max(_largest(row.rounds, "other_cpu_percent") for row in rows)
    return " (other programs used the CPU meanwhile)" if other > MAX_OTHER_CPU_PERCENT else ""


def _line(rows: list[Result], *, name_benchmark: bool) -> str | None:
    ranked = sorted(rows, key=lambda row: fmean(_log_medians(row).values()))
    if len(ranked) < 2:
        return None
    best, others = ranked[0], ranked[1:]
    against = [compare(best, row) for row in others]
    if any(comparison.verdict is None for comparison in against):
        return None
    where = _where(best.trial, name_benchmark=name_benchmark)
    if all(comparison.verdict == "faster" for comparison in against):
        return f"{where}: fastest here is {stack_name(best.trial)}, {_times(against[0], others[0])}"
    beaten = _beaten_after_correction(ranked)
    ties = [best, *(row for position, row in enumerate(others, start=1) if position not in beaten)]
    names = _listed(stack_name(row.trial) for row in ties)
    tied = f"{where}: no difference that this measurement can see between {names}"
    slower = [_times(against[position - 1], ranked[position]) for position in sorted(beaten)]
    return tied if not slower else f"{tied}; {stack_name(best.trial)} is {_listed(slower)}"


def _beaten_after_correction(ranked: Sequence[Result]) -> set[int]:
    """Positions in `ranked` that are slower than its first, with Holm's correction over all pairs.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979).
    """
    found = {(i, j): compare(ranked[i], ranked[j]) for i, j in combinations(range(len(ranked)), 2)}
    tests = sorted((one.p_value, pair) for pair, one in found.items() if one.p_value is not None)
    beaten = set()
    for done, (p_value, (i, j)) in enumerate(tests):
        if p_value >= (1 - LEVEL) / (len(found) - done):
            break
        if i == 0 and found[i, j].verdict == "faster":
            beaten.add(j)
    return beaten


def stack_name(trial: Trial) -> str:
    """The name of a row's stack in a sentence; a python of the user's own runs several frameworks."""
    if trial.environment.startswith("existing:"):
        return f"{trial.environment} ({trial.framework})"
    return trial.environment


def _where(trial: Trial, *, name_benchmark: bool) -> str:
    square = trial.m == trial.n == trial.k
    size = f"n = {trial.n}" if square else f"m x n x k = {trial.m} x {trial.n} x {trial.k}"
    threads = "" if trial.threads is None else f", {counted(trial.threads, 'thread')}"
    benchmark = f"{trial.benchmark} " if name_benchmark else ""
    return f"{benchmark}{trial.dtype} on {trial.device}, {size}{threads}"


def _times(comparison: Comparison, other: Result) -> str:
    return f"{comparison.ratio:.2f} times {stack_name(other.trial)}"


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


# ------------------------------------------------------------------------------------- arithmetic


def _mean_and_half_width(values: Sequence[float]) -> tuple[float, float]:
    """The mean, and how far the 95 % interval reaches on either side of it."""
    freedom = len(values) - 1
    return fmean(values), student.quantile((1 + LEVEL) / 2, freedom) * stdev(values) / math.sqrt(len(values))


def _p_value(values: Sequence[float]) -> float:
    """Two-sided, of a mean that differs from 0; without any deviation it is 1 for a mean of 0, else 0."""
    centre, error = fmean(values), stdev(values) / math.sqrt(len(values))
    if error == 0:
        return 1.0 if centre == 0 else 0.0
    return student.tail(centre / error, len(values) - 1)


def _exp(value: float) -> float:
    """An exponential that stays a finite number, however wide an interval is."""
    return math.exp(min(max(value, -300.0), 300.0))
