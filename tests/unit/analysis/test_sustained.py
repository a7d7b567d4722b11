"""First seconds and steady state are told apart, a fall of more than 5 % with its cause."""

from __future__ import annotations

from typing import Any

import pytest
from builders import a_round, a_trial

from mambench.analysis.results import summarise
from mambench.analysis.sustained import sustained
from mambench.model import Result, Round, Sample


def a_long_round(index: int, *, steady: float, seconds: int = 20, **conditions: Any) -> Round:
    """Runs of a second at first, of `steady` seconds after the fifth."""
    samples, at = [], 10.0
    while at < 10 + seconds:
        took = 1.0 if at < 15 else steady
        at += took
        samples.append(Sample(at_seconds=at, seconds=took))
    return a_round(index, samples=tuple(samples), conditions=conditions)


def a_result(**changes: Any) -> Result:
    return summarise(a_trial(), [a_long_round(index, **changes) for index in range(3)])


def test_first_seconds_and_steady_state_are_apart() -> None:
    seen = sustained(a_result(steady=1.25, throttled=True))
    assert seen is not None
    assert seen.burst == pytest.approx(2 * 512**3 * 1e-9)
    assert seen.steady == pytest.approx(2 * 512**3 * 1e-9 / 1.25)
    assert seen.fall_percent == pytest.approx(20)
    assert seen.cause == "the device slowed itself down (heat or power limit)"


def test_a_small_fall_needs_no_cause() -> None:
    seen = sustained(a_result(steady=1.04, throttled=True))
    assert seen is not None and seen.cause is None


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"steal_percent": 30.0}, "the host took 30 %"),
        ({"other_cpu_percent": 30.0}, "another program used 30 %"),
        ({"quota_percent": 90.0}, "the CPU quota stopped it in 90 % of its periods"),
        ({"gpu_power_limited": True}, "the GPU was at its power limit"),
        ({"on_battery": True}, "on battery"),
        ({"clock_fall_percent": 12.0}, "the clock fell by 12 %"),
        ({"clock_fall_percent": 1.0}, "no cause seen"),
        ({}, "no cause seen"),
    ],
)
def test_a_fall_names_the_cause_that_was_seen(conditions: dict[str, Any], says: str) -> None:
    seen = sustained(a_result(steady=1.2, **conditions))
    assert seen is not None and seen.cause is not None and says in seen.cause


def test_rounds_that_are_too_short_say_nothing() -> None:
    assert sustained(a_result(steady=1.2, seconds=10)) is None
    assert sustained(Result(a_trial(), "failed")) is None
