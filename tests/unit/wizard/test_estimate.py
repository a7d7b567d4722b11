"""How long a plan takes: from speeds that were seen, by the rule of the worker."""

from __future__ import annotations

import importlib
import math
import random
import statistics
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mambench.catalogue import manifest, presets
from mambench.catalogue import plan as planning
from mambench.catalogue.sizes import PROBE_DIVISORS
from mambench.model import Choices, Cpu, Machine, Plan, Trial
from mambench.system import resources
from mambench.wizard import estimate
from mambench.wizard.estimate import Speeds

CATALOGUE = manifest.load_catalogue((resources.benchmarks(), resources.environments()), (Path("none"), Path("none")))
LAPTOP = Machine("host", "linux-64", "A system", Cpu("A processor", 4, 8, 8, ("avx", "avx2", "fma")), 16 * 2**30)


def test_speeds_seen_before_make_the_time():
    plan = planning.build(Choices(environments=("numpy-openblas",), preset="standard"), CATALOGUE, LAPTOP)
    trial = plan.stacks[0].trials[0]
    row = {
        "status": "ok", "environment": "jax-cpu@pypi", "framework": "jax", "dtype": trial.dtype,
        "devices": [{"kind": "cpu"}], "params": {"m": 8000, "n": 8000, "k": 8000}, "spread": 0.05,
        "benchmark": "matmul", "seconds": {"median": 102.4}, "rounds": [{"facts": {"ready_seconds": 7.0}}],
    }  # fmt: skip
    broken = [{}, {"status": "ok"}, {**row, "rounds": []}, {**row, "status": "failed"}]
    speeds = estimate.learn([{"results": [row, *broken]}, {"results": [{**row, "seconds": {"median": 9.9}}]}, {}])
    assert speeds.rates == {("matmul", "jax-cpu", "cpu", trial.dtype): {trial.work: pytest.approx(10.0)}}
    assert estimate.assumed_rate(trial, LAPTOP, speeds) == pytest.approx(10.0)
    assert estimate.assumed_rate(trial, LAPTOP, Speeds()) > 10.0
    assert speeds.starting_seconds == {"jax": 7.0} and speeds.spread == 0.05


PRESETS = tuple(presets.PRESETS)
DTYPES = ("float64", "float32")


def seen(speed: float, *sizes: int, spread: float = 0.02) -> Speeds:
    """NumPy was seen at these sizes at a speed."""
    works = {2e-9 * size**3: speed for size in sizes}
    return Speeds({("matmul", "numpy-openblas", "cpu", dtype): works for dtype in DTYPES}, {"numpy": 0.5}, spread)


def planned(preset: str) -> Plan:
    return planning.build(Choices(environments=("numpy-openblas",), preset=preset), CATALOGUE, LAPTOP)


@pytest.mark.parametrize("speeds", [seen(2.0, 64), seen(5.0, 128, 256), seen(40.0, 2048), seen(900.0, 512, 8000)])
def test_a_larger_preset_takes_longer_whatever_sizes_were_seen(speeds: Speeds):
    seconds = [estimate.plan_seconds(planned(preset), LAPTOP, speeds) for preset in PRESETS]
    assert seconds == sorted(seconds)


class Clock:
    """A machine of a known speed: samples take their time on a clock that only they move."""

    def __init__(self, run_seconds: float, spread: float, seed: int) -> None:
        self.now, self._run, self._sigma, self._random = 0.0, run_seconds, spread / 1.349, random.Random(seed)

    def perf_counter(self) -> float:
        return self.now

    def sample(self, loops: int, divisor: int = 1) -> Any:
        seconds = loops * self._run / divisor**3 * math.exp(self._random.gauss(0.0, self._sigma))
        self.now += seconds
        return SimpleNamespace(seconds=seconds, wall_seconds=seconds, loops=loops, run_seconds=seconds / loops)


def by_the_worker(trial: Trial, plan: Plan, speed: float, spread: float, modules: Any, seed: int) -> float:
    """The seconds of a trial by the rule of the worker itself."""
    clock = Clock(trial.work / speed, spread, seed)
    layout = modules.request.Layout("C", 1, 1)
    request = modules.request.Request("", "", {}, "", trial.work, (), (), layout, **asdict(plan.limits))
    clock.sample(3, PROBE_DIVISORS[0])
    count = []
    for index in range(plan.rounds):
        if index:
            request = replace(request, min_runs=len(count), max_runs=len(count), target_spread=None)
            count.clear()
        loops = modules.timing.warm(clock, request, lambda _index, _sample: None)
        modules.timing.measure(clock, request, loops, lambda _index, sample: count.append(sample))
        clock.sample(1)
        clock.now += 0.5 + estimate.SECONDS_PER_BYTE * trial.size.memory_bytes
    return clock.now


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("speed", [40.0, 200.0, 2000.0])
@pytest.mark.parametrize("spread", [0.005, 0.02, 0.06])
def test_the_time_is_that_of_the_workers_rule(
    preset: str, speed: float, spread: float, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(resources.worker()))
    modules = SimpleNamespace(**{name: importlib.import_module(name) for name in ("timing", "request")})
    plan = planned(preset)
    speeds = seen(speed, 512, 1024, 2048, 4096, 8000, spread=spread)
    trials = plan.stacks[0].trials
    reals = [sum(by_the_worker(trial, plan, speed, spread, modules, seed) for trial in trials) for seed in range(9)]
    real = statistics.median(reals)  # chance stops some early
    assert real / 2 < estimate.plan_seconds(plan, LAPTOP, speeds) < 2 * real


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "about 5 s"), (33, "about 35 s"), (100, "about 2 min"), (1500, "about 25 min"), (9000, "about 2 h")],
)
def test_no_more_digits_than_are_known(seconds: float, words: str):
    assert estimate.duration(seconds) == words
