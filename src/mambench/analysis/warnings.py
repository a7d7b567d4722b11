"""What makes a row's number worth less than it looks, by kind and with its number."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from mambench.analysis.rounds import failure_of, spread
from mambench.model import DeviceKind, Round, RowWarning, Trial, WarningKind

MAX_SPREAD = 0.10
"""pyperf warns at the same spread."""


MAX_OTHER_CPU_PERCENT = 10.0


MAX_STEAL_PERCENT = 1.0


def warnings(trial: Trial, rounds: tuple[Round, ...]) -> Iterator[RowWarning]:
    share = spread(each for each in rounds if failure_of(each) is None)
    if share is not None and share > MAX_SPREAD:
        yield RowWarning(WarningKind.SPREAD, percent=100 * share)
    other = largest(rounds, "other_cpu_percent")
    if other > MAX_OTHER_CPU_PERCENT:
        yield RowWarning(WarningKind.OTHER_PROGRAM, percent=other)
    steal = largest(rounds, "steal_percent")
    if steal > MAX_STEAL_PERCENT:
        yield RowWarning(WarningKind.STEAL, percent=steal)
    if any(one.conditions.get("throttled") is True for one in rounds):
        yield RowWarning(WarningKind.THROTTLED, "CPU" if trial.device.kind == DeviceKind.CPU else "GPU")
    if any(one.conditions.get("on_battery") is True for one in rounds):
        yield RowWarning(WarningKind.BATTERY)
    variables = sorted({name for one in rounds for name in _thread_variables(one.conditions)})
    if variables:
        yield RowWarning(WarningKind.THREAD_VARIABLES, ", ".join(variables))
    if any(failure_of(one) is None and not one.checks for one in rounds):
        yield RowWarning(WarningKind.UNCHECKED)
    for one in rounds:
        yield from one.warnings


def largest(rounds: Iterable[Round], key: str) -> float:
    values = (one.conditions.get(key) for one in rounds)
    return max((float(value) for value in values if isinstance(value, (int, float))), default=0.0)


def _thread_variables(conditions: Mapping[str, Any]) -> list[str]:
    found = conditions.get("thread_variables") or ()
    if isinstance(found, Mapping):
        return [f"{name}={value}" for name, value in found.items()]
    return [found] if isinstance(found, str) else [str(name) for name in found]
