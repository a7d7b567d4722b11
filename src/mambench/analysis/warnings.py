"""What makes a row's number worth less than it looks, by kind and with its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from mambench.analysis.rounds import failure_of, pooled, spread
from mambench.analysis.words import percent
from mambench.model import DeviceKind, Round, RowWarning, Trial, WarningKind

MAX_SPREAD = 0.10
"""pyperf warns at the same spread."""


MAX_LEAD_OF_BEST = 1.25
"""Of the fastest run over the median. An IQR does not see that three in four runs were slowed down; a boosting clock
gives a few runs 10 % or so."""


MAX_OTHER_CPU_PERCENT = 10.0


MAX_STEAL_PERCENT = 1.0


MAX_QUOTA_PERCENT = 5.0
"""Of the quota's periods; a library that starts as many threads as there are cores is stopped in nearly all of them."""


FRESH_SHARE = 0.03
"""Of the memory of operands and result, as page faults show it: they show less where the system gives large pages."""


def warnings(trial: Trial, every_round: tuple[Round, ...]) -> Iterator[RowWarning]:
    """Of conditions only those under which something was measured: a row without a number needs no quieter machine."""
    rounds = [each for each in every_round if each.samples]
    share = spread(each for each in rounds if failure_of(each) is None)
    if share is not None and share > MAX_SPREAD:
        yield RowWarning(WarningKind.SPREAD, percent=100 * share)
    lead = _lead_of_best([each for each in rounds if failure_of(each) is None])
    if lead > MAX_LEAD_OF_BEST:
        yield RowWarning(WarningKind.OUTPACED, f"{lead:.1f}")
    other = largest(rounds, "other_cpu_percent")
    if other > MAX_OTHER_CPU_PERCENT:
        yield RowWarning(WarningKind.OTHER_PROGRAM, _program(rounds), percent=other)
    steal = largest(rounds, "steal_percent")
    if steal > MAX_STEAL_PERCENT:
        yield RowWarning(WarningKind.STEAL, percent=steal)
    quota = largest(rounds, "quota_percent")
    if quota > MAX_QUOTA_PERCENT:
        yield RowWarning(WarningKind.QUOTA, percent=quota)
    if any(each.conditions.get("throttled") is True for each in rounds):
        yield RowWarning(WarningKind.THROTTLED, "CPU" if trial.device.kind == DeviceKind.CPU else "GPU")
    if any(each.conditions.get("on_battery") is True for each in rounds):
        yield RowWarning(WarningKind.BATTERY)
    variables = sorted({name for each in rounds for name in _thread_variables(each.conditions)})
    if variables:
        yield RowWarning(WarningKind.THREAD_VARIABLES, ", ".join(variables))
    fresh = largest_fact(rounds, "fresh_bytes_per_run")
    if trial.device.kind == DeviceKind.CPU and fresh > FRESH_SHARE * trial.size.memory_bytes > 0:
        yield RowWarning(WarningKind.FRESH_MEMORY, f"{fresh / 1e6:.3g} MB")
    if any(failure_of(each) is None and not each.checks for each in rounds):
        yield RowWarning(WarningKind.UNCHECKED)
    for each in every_round:
        yield from each.warnings


def disturbance(each: Round) -> str:
    """What disturbed a round that was measured, in words; empty for a quiet one."""
    return "" if failure_of(each) is not None else disturbed_by(each.conditions)


def is_disturbed(other_cpu_percent: float, steal_percent: float, quota_percent: float, throttled: bool | None) -> bool:
    """Whether `disturbed_by` has something to say of such conditions."""
    return (
        other_cpu_percent > MAX_OTHER_CPU_PERCENT
        or steal_percent > MAX_STEAL_PERCENT
        or quota_percent > MAX_QUOTA_PERCENT
        or throttled is True
    )


def disturbed_by(conditions: Mapping[str, Any]) -> str:
    """What the conditions of a round say that disturbed it, in words; empty for a quiet one."""
    if (other := _number(conditions.get("other_cpu_percent"))) > MAX_OTHER_CPU_PERCENT:
        return f"another program used {percent(other)} of the CPU"
    if (steal := _number(conditions.get("steal_percent"))) > MAX_STEAL_PERCENT:
        return f"the host took {percent(steal)} of the CPU"
    if (quota := _number(conditions.get("quota_percent"))) > MAX_QUOTA_PERCENT:
        return f"the CPU quota stopped it in {percent(quota)} of its periods"
    return "the device slowed itself down" if conditions.get("throttled") is True else ""


def _lead_of_best(rounds: Sequence[Round]) -> float:
    """How many times as fast the fastest run was as the median of the rounds."""
    return median(each.median_seconds for each in rounds) / min(pooled(rounds)) if rounds else 1.0


def _program(rounds: Iterable[Round]) -> str:
    """The name of the busiest other program in the worst round that tells one; empty without one."""
    named = [each for each in rounds if isinstance(each.conditions.get("other_program"), str)]
    worst = max(named, key=lambda each: largest([each], "other_cpu_percent"), default=None)
    return "" if worst is None else str(worst.conditions["other_program"])


def largest(rounds: Iterable[Round], key: str) -> float:
    """The largest of a condition, 0 where none tells it."""
    return _largest(each.conditions.get(key) for each in rounds)


def largest_fact(rounds: Iterable[Round], key: str) -> float:
    """The largest of a fact, 0 where none tells it."""
    return _largest(each.facts.get(key) for each in rounds)


def _largest(values: Iterable[Any]) -> float:
    return max(map(_number, values), default=0.0)


def _number(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0


def _thread_variables(conditions: Mapping[str, Any]) -> list[str]:
    given = conditions.get("thread_variables") or ()
    if isinstance(given, Mapping):
        return [f"{name}={value}" for name, value in given.items()]
    return [given] if isinstance(given, str) else [str(name) for name in given]
