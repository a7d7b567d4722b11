"""When a round goes on and when it stops, without a process and without a clock where one is not needed."""

from __future__ import annotations

import gc
import json
from types import SimpleNamespace

import pytest
import request
import timing
from timing import Sample, Stopwatch, done, precise, warm


def limits(**changes):
    known = {"min_runs": 3, "max_runs": 10, "max_seconds": 60.0, "target_spread": None}
    return SimpleNamespace(**{**known, "loops": None, "warmups": 1, "warmup_seconds": 0.0, **changes})


STEADY = [1.0] * 6
NOISY = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]


def test_min_runs_beats_max_seconds():
    assert not done(limits(max_seconds=1), [1.0, 1.0], elapsed=99.0)
    assert done(limits(max_seconds=1), [1.0] * 3, elapsed=99.0)


def test_max_seconds_beats_target_spread():
    assert done(limits(max_seconds=1, target_spread=0.01), NOISY, elapsed=99.0)


def test_max_runs_ends_it():
    assert done(limits(max_runs=6), NOISY, elapsed=0.0)
    assert not done(limits(max_runs=7), NOISY, elapsed=0.0)


def test_a_steady_median_ends_it_and_a_noisy_one_does_not():
    assert done(limits(target_spread=0.01), STEADY, elapsed=0.0)
    assert not done(limits(target_spread=0.01), NOISY, elapsed=0.0)


def test_min_runs_beats_target_spread():
    assert not done(limits(min_runs=7, target_spread=0.01), STEADY, elapsed=0.0)


def test_without_a_target_nothing_stops_on_spread():
    assert not done(limits(), STEADY, elapsed=0.0)


def test_four_samples_say_nothing_about_spread():
    assert not precise([1.0] * 4, 0.5)
    assert precise([1.0] * 5, 0.5)


def test_more_samples_of_the_same_spread_are_more_precise():
    assert not precise([0.99, 1.0, 1.01] * 3, 0.003)
    assert precise([0.99, 1.0, 1.01] * 40, 0.003)


class FakeWatch:
    """Runs that take a fixed time each, the first one longer."""

    def __init__(self, seconds, first=None):
        self.seconds, self.first, self.taken = seconds, first, []

    def sample(self, loops):
        seconds = self.seconds * loops
        if not self.taken and self.first is not None:
            seconds = self.first
        self.taken.append(loops)
        return Sample(seconds, loops, 0.0, seconds, seconds)


def warmed(watch, **changes):
    return warm(watch, limits(**changes), lambda _index, _sample: None)


def test_long_runs_are_not_batched():
    watch = FakeWatch(2.0)
    assert warmed(watch, warmups=1) == 1
    assert watch.taken == [1]


@pytest.mark.parametrize("seconds", [1e-7, 1e-5, 4e-4, 9e-4])
def test_short_runs_are_batched_to_a_millisecond(seconds):
    loops = warmed(FakeWatch(seconds), warmups=2)
    assert 1e-3 <= loops * seconds < 3e-3


def test_a_slow_first_run_does_not_hide_that_runs_are_short():
    assert warmed(FakeWatch(1e-5, first=0.5), warmups=1) > 50


def test_the_number_of_warmups_is_kept():
    watch = FakeWatch(2.0)
    warmed(watch, warmups=4)
    assert len(watch.taken) == 4


def test_fixed_loops_need_no_warmup():
    watch = FakeWatch(1e-6)
    assert warmed(watch, warmups=0, loops=9) == 9
    assert watch.taken == []


@pytest.fixture
def clock(monkeypatch):
    """The seconds that the worker's clock shows, in a list."""
    now = [100.0]
    monkeypatch.setattr(timing, "_clock", lambda: now[0])
    monkeypatch.setattr(timing, "_cpu_clock", lambda: 2 * now[0])
    return now


def test_the_clock_stands_around_the_runs_and_the_collector_is_off(clock):
    seen = []

    def run(_state):
        seen.append(gc.isenabled())
        clock[0] += 0.5

    sample = Stopwatch(run, None, 1.0).sample(3)
    assert seen == [False] * 3 and gc.isenabled()
    assert (sample.seconds, sample.run_seconds, sample.at_seconds) == (1.5, 0.5, 100.5)
    assert (sample.wall_seconds, sample.cpu_seconds) == (1.5, 3.0)


def test_what_is_prepared_before_a_batch_is_not_timed(clock):
    def prepare():
        clock[0] += 7.0

    def run(_state):
        clock[0] += 0.5

    sample = Stopwatch(run, None, 0.0, prepare).sample(2)
    assert (sample.seconds, sample.at_seconds) == (1.0, 108.0)


def test_warmups_last_as_long_as_asked(clock):
    def run(_state):
        clock[0] += 0.5

    samples = []
    warm(Stopwatch(run, None, 0.0), limits(warmup_seconds=3.0), lambda _index, sample: samples.append(sample))
    assert len(samples) == 6


def test_seconds_from_the_device_are_added_up():
    assert Stopwatch(lambda _state: 0.25, None, 0.0).sample(4).seconds == 1.0


@pytest.mark.parametrize("value", [float("nan"), -1.0, 0.0, 1, True])
def test_seconds_that_make_no_sense_are_refused(value):
    with pytest.raises(TypeError):
        Stopwatch(lambda _state: value, None, 0.0).sample(1)


def test_the_constants_are_the_documented_ones():
    assert timing.SHORTEST_SAMPLE_SECONDS == 1e-3
    assert timing.LEAST_SAMPLES_FOR_SPREAD == 5


def slow_request(**changes: object) -> request.Request:
    raw = {
        "protocol": 2, "kernel": "k.py", "check": "c.py", "warmups": 2, "min_runs": 3, "max_runs": 200,
        "max_seconds": 30, "budget_seconds": 300, "size": "8x8x8", "work": 1024,
        "operands": [{"name": "A", "rows": 8, "columns": 8}], "result": {"name": "C", "rows": 8, "columns": 8},
        "params": {"m": 8, "n": 8, "k": 8, "dtype": "float64", "device": "cpu:0", "seed": 1, "threads": None},
    }  # fmt: skip
    return request.parse(json.dumps({**raw, **changes}).encode())


def test_a_trial_within_its_budget_is_left_alone() -> None:
    asked = slow_request()
    assert request.request_within_budget(asked, 50.0) == (asked, "")


@pytest.mark.parametrize(("run_seconds", "warmups", "runs"), [(55.0, 1, 3), (70.0, 1, 2), (120.0, 1, 1), (900.0, 1, 1)])
def test_a_slow_trial_does_fewer_runs_and_says_so(run_seconds: float, warmups: int, runs: int) -> None:
    followed, warning = request.request_within_budget(slow_request(), run_seconds)
    assert (followed.warmups, followed.min_runs) == (warmups, runs)
    assert f"{runs} of 3 runs" in warning


def test_no_budget_is_no_limit() -> None:
    asked = slow_request(budget_seconds=None)
    assert request.request_within_budget(asked, 1e6) == (asked, "")


@pytest.mark.parametrize(("most", "seconds"), [(40, 0.001), (10_000, 1.0)])
def test_a_sample_of_all_is_looked_at_by_number_or_by_time(most, seconds):
    """Of rounds that run to their last number or to their last second each sample is looked at now and then."""
    asked, count = limits(max_runs=most, max_seconds=40.0), 40
    seen = [0] * count
    for _ in range(1200):
        unforeseen = timing.Unforeseen(asked)
        looked = [unforeseen.now(i, timing.Sample(seconds, 1, 0.0, seconds, seconds)) for i in range(count)]
        assert 1 <= sum(looked) <= 2 and any(looked[:3])
        seen = [so_far + look for so_far, look in zip(seen, looked, strict=True)]
    assert min(seen[3:]) >= 1 and max(seen[3:]) < 100
