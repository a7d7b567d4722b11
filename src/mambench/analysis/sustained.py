"""The first seconds of a round and its steady state apart: a cold processor is faster. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from mambench.analysis.warnings import disturbance, largest
from mambench.analysis.words import percent
from mambench.model import Result, Round, Sample

BURST_SECONDS = 5.0
"""Shorter than the time constant of heat sinks and of the power limits of processors (28 s on many of Intel's)."""


SHORTEST_SECONDS = 3 * BURST_SECONDS
"""Of timed runs in a round, below which nothing is steady."""


MAX_FALL_PERCENT = 5.0


MAX_CLOCK_FALL_PERCENT = 3.0


@dataclass(frozen=True)
class Sustained:
    """Rates of the first seconds and of the second half of the rounds, in the unit of the row; medians over rounds."""

    burst: float
    steady: float
    fall_percent: float
    cause: str | None
    """What was seen where the fall is more than 5 %; None for a smaller one."""


def sustained(result: Result) -> Sustained | None:
    """None for a row without a number, or whose rounds are too short to be steady."""
    halves = [_halves(each) for each in result.rounds if _span(each) >= SHORTEST_SECONDS]
    if result.status != "ok" or not halves:
        return None
    work = result.trial.work
    burst, steady = (work / median(column) for column in zip(*halves, strict=True))
    fall = 100 * (1 - steady / burst)
    cause = _cause(result.rounds) if fall > MAX_FALL_PERCENT else None
    return Sustained(burst, steady, fall, cause)


def _span(each: Round) -> float:
    """Seconds from the start of the first sample to the end of the last."""
    return each.samples[-1].at_seconds - _start(each) if each.samples else 0.0


def _start(each: Round) -> float:
    return each.samples[0].at_seconds - each.samples[0].seconds


def _halves(each: Round) -> tuple[float, float]:
    """Seconds of one run in the first seconds, and in the second half."""
    start, middle = _start(each), _start(each) + _span(each) / 2
    first = [sample for sample in each.samples if sample.at_seconds <= start + BURST_SECONDS]
    last = [sample for sample in each.samples if sample.at_seconds > middle]
    return _median(first or each.samples[:1]), _median(last)


def _median(samples: Iterable[Sample]) -> float:
    return median(sample.run_seconds for sample in samples)


def _cause(rounds: Iterable[Round]) -> str:
    """What the computer told; heat and power limits are one counter on most."""
    rounds = list(rounds)
    if any(each.conditions.get("throttled") is True for each in rounds):
        return "the device slowed itself down (heat or power limit)"
    seen = next((words for each in rounds if (words := disturbance(each))), "")
    if seen:
        return seen
    if any(each.conditions.get("gpu_power_limited") is True for each in rounds):
        return "the GPU was at its power limit"
    if any(each.conditions.get("on_battery") is True for each in rounds):
        return "on battery"
    fall = median(largest([each], "clock_fall_percent") for each in rounds)
    if fall > MAX_CLOCK_FALL_PERCENT:
        return f"the clock fell by {percent(fall)}; what made it fall was not told"
    return "no cause seen: neither clock, heat, power limit, quota nor another program was told here"
