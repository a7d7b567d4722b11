"""Work outside of the runs is seen; what an honest kernel does there is not."""

from __future__ import annotations

import failure
import outside
import pytest


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(outside, "_clock", made)
    return made


def settled(
    clock,
    *,
    copy=0.02,
    flips=(0.3, 0.001, 0.001),
    run=0.2,
    reading_operands=0.02,
    reading_result=0.02,
    result=0.0,
    median=0.2,
    columns=(1, 1),
):
    ledger = outside.Ledger()

    def spend(seconds):
        clock.now += seconds

    with ledger.timed("copy"):
        spend(copy)
    for seconds in flips:
        with ledger.timed("flip"):
            spend(seconds)
    for _ in range(3):
        with ledger.timed("result"):
            spend(result)
        read = (("operands", reading_operands), ("result", reading_result))
        for (name, seconds), width in zip(read, columns, strict=True):
            ledger.reading(name, lambda _start, _stop, seconds=seconds: spend(seconds), width)(0, 1)
    with ledger.timed("run"):
        spend(run)
    ledger.settle(median)


HONEST = [
    {},
    {"run": 1.9},  # one run may be disturbed
    {"flips": (0.5, 0.04, 0.05)},
    {"flips": (0.5, 0.01, 4.0, 0.01)},
    {"reading_result": 0.15},
    {"copy": 1.0, "reading_operands": 1.0, "reading_result": 1.0, "flips": (1.0, 1.5, 1.5)},
    {"flips": ()},  # nothing changes
    {"reading_operands": 0.001, "reading_result": 0.6, "columns": (2, 200)},  # a product of thin operands
    {"median": 1e-6, "run": 0.04, "reading_operands": 0.0, "reading_result": 0.01},
]


@pytest.mark.parametrize("times", HONEST)
def test_an_honest_kernel_passes(clock, times):
    settled(clock, **times)


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ({"run": 2.1}, "the run after the last took 2.1 s"),
        ({"reading_result": 0.3}, "reading the result took 0.9 s and reading the operands 0.06 s"),
        ({"result": 0.3}, "reading the result took 0.96 s"),
        ({"reading_result": 0.3, "columns": (200, 2)}, "reading the result took 0.9 s"),
        (
            {"reading_operands": 0.001, "reading_result": 1.1, "columns": (2, 200)},
            "reading as many values of the operands 0.3 s",
        ),
        ({"flips": (0.3, 0.2, 0.2)}, "changing signs took 0.2 s"),
    ],
)
def test_work_outside_of_the_runs_is_implausible(clock, times, words):
    with pytest.raises(failure.Failure, match=words) as caught:
        settled(clock, **times)
    assert caught.value.reason == "implausible"


def test_a_processs_clock_may_tick_slower_than_a_step_lasts(clock, monkeypatch):
    """What is held against an operand's reading of 1 ms ticks once in 16 ms: the reading counts as it took."""
    processor = Clock()
    monkeypatch.setattr(outside, "_cpu_clock", processor)
    ledger = outside.Ledger(on_cpu=True)

    def spend(seconds, ticks):
        clock.now += seconds
        processor.now += 0.016 * ticks

    for what, seconds, ticks in [("copy", 0.03, 1), *[("flip", 0.04, 3)] * 3, ("run", 0.2, 12)]:
        with ledger.timed(what):
            spend(seconds, ticks)
    ledger.reading("operands", lambda *_: spend(0.01, 0), 2)(0, 1)
    ledger.reading("result", lambda *_: spend(0.1, 6), 2)(0, 1)
    ledger.settle(0.2)


def test_a_kernel_that_computes_while_changing_is_not_let_go_on(clock):
    ledger = outside.Ledger()
    with ledger.timed("copy"):
        clock.now += 0.01
    with pytest.raises(failure.Failure, match="changing signs took 0.5 s"):
        for _ in range(outside.ENOUGH_CHANGES):
            with ledger.timed("flip"):
                clock.now += 0.5
