"""What is offered, what it costs, how long it takes, what is remembered: without a terminal."""

from __future__ import annotations

import importlib
import json
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
from mambench.errors import UsageError
from mambench.model import Choices, Cpu, Gpu, Machine, Plan, Trial
from mambench.system import resources
from mambench.system.home import Home
from mambench.wizard import estimate, memory, offers, preview
from mambench.wizard.estimate import Speeds
from mambench.wizard.welcome import machine_facts

CATALOGUE = manifest.load_catalogue((resources.benchmarks(), resources.environments()), (Path("none"), Path("none")))
LAPTOP = Machine("host", "linux-64", "A system", Cpu("A processor", 4, 8, 8, ("avx", "avx2", "fma")), 16 * 2**30)
GPU = Gpu("cuda", 0, "A GPU", None, 80 * 2**30, None, "570.10", "12.8", "9.0")
WORKSTATION = replace(LAPTOP, gpus=(GPU, replace(GPU, index=1)))
READY = {"jax-cpu": "pypi, python 3.12.1"}


def test_groups_come_in_their_order_and_fitting_ones_first():
    rows = offers.offers(CATALOGUE, LAPTOP, READY)
    groups = list(dict.fromkeys(row.group for row in rows))
    assert groups == ["NumPy", "PyTorch", "TensorFlow", "JAX", "Others"]
    for group in groups:
        disabled = [bool(row.disabled) for row in rows if row.group == group]
        assert disabled == sorted(disabled)
    assert {row.value for row in rows} == set(CATALOGUE.environments)


def test_a_row_says_what_it_costs_or_why_it_cannot_run():
    rows = {row.value: row for row in offers.offers(CATALOGUE, LAPTOP, READY)}
    assert rows["jax-cpu"].detail == "JAX on the CPU; ready (pypi, python 3.12.1)"
    assert rows["torch-cpu"].detail == "PyTorch on the CPU; about 219 MB"
    assert rows["numpy-mkl"].detail.endswith("untested; size not known yet")
    assert "no NVIDIA GPU" in rows["torch-cuda"].disabled
    with_gpu = {row.value: row for row in offers.offers(CATALOGUE, WORKSTATION, READY)}
    assert not with_gpu["torch-cuda"].disabled


def test_sensible_ones_are_ticked_the_first_time_and_the_last_ones_later():
    def ticked(ready: dict[str, str], last: tuple[str, ...] = ()) -> set[str]:
        return {row.value for row in offers.offers(CATALOGUE, LAPTOP, ready, last) if row.ticked}

    assert ticked({}) == {"numpy-openblas", "torch-cpu", "jax-cpu"}
    assert ticked({"jax-cpu": "", "tensorflow-cpu": ""}) == {"jax-cpu", "tensorflow-cpu"}
    assert ticked(READY, ("numpy-mkl",)) == {"numpy-mkl"}


def test_the_download_is_told_before_anything_is_downloaded():
    def words(*names: str) -> str:
        return offers.ticked_words(names, CATALOGUE, "linux-64", READY, "9 GB")

    assert words() == "nothing is ticked yet"
    assert words("jax-cpu") == "1 stack ticked, nothing to download"
    assert words("jax-cpu", "torch-cpu", "numpy-openblas").endswith("about 236 MB to download; 9 GB are free")
    assert "about 219 MB and what numpy-mkl needs to download" in words("torch-cpu", "numpy-mkl")


def test_every_preset_tells_its_time_and_a_thorough_one_takes_longer():
    choices = Choices(environments=("numpy-openblas", "jax-cpu"))
    rows = offers.preset_rows(choices, CATALOGUE, LAPTOP, Speeds())
    assert [row.value for row in rows] == ["quick", "standard", "thorough", "advanced"]
    assert all(row.detail.startswith("about ") for row in rows[:3])
    plans = [planning.build(replace(choices, preset=name), CATALOGUE, LAPTOP) for name in presets.PRESETS]
    seconds = [estimate.plan_seconds(plan, LAPTOP, Speeds()) for plan in plans]
    assert seconds == sorted(seconds) and 5 < seconds[0] < 300


def test_speeds_seen_before_make_the_time():
    plan = planning.build(Choices(environments=("numpy-openblas",), preset="standard"), CATALOGUE, LAPTOP)
    trial = plan.stacks[0].trials[0]
    row = {
        "status": "ok", "environment": "jax-cpu@pypi", "framework": "jax", "dtype": trial.dtype,
        "devices": [{"kind": "cpu"}], "params": {"m": 8000, "n": 8000, "k": 8000}, "spread": 0.05,
        "gflops": {"median": 10.0}, "rounds": [{"facts": {"ready_seconds": 7.0}}],
    }  # fmt: skip
    broken = [{}, {"status": "ok"}, {**row, "rounds": []}, {**row, "status": "failed"}]
    speeds = estimate.learn([{"results": [row, *broken]}, {"results": [{**row, "gflops": {"median": 99.0}}]}, {}])
    assert speeds.gflops == {("jax-cpu", "cpu", trial.dtype): {trial.work: 10.0}}
    assert estimate.assumed_gflops(trial, LAPTOP, speeds) == 10.0
    assert estimate.assumed_gflops(trial, LAPTOP, Speeds()) > 10.0
    assert speeds.starting_seconds == {"jax": 7.0} and speeds.spread == 0.05


PRESETS = tuple(presets.PRESETS)
DTYPES = ("float64", "float32")


def seen(speed: float, *sizes: int, spread: float = 0.02) -> Speeds:
    """NumPy was seen at these sizes at a speed."""
    works = {2 * size**3: speed for size in sizes}
    return Speeds({("numpy-openblas", "cpu", dtype): works for dtype in DTYPES}, {"numpy": 0.5}, spread)


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
        return SimpleNamespace(seconds=seconds, loops=loops, run_seconds=seconds / loops)


def by_the_worker(trial: Trial, plan: Plan, speed: float, spread: float, modules: Any, seed: int) -> float:
    """The seconds of a trial by the rule of the worker itself."""
    clock = Clock(trial.work * 1e-9 / speed, spread, seed)
    modules.timing.time = clock
    request = modules.request.Request("", {}, **asdict(plan.limits))
    clock.sample(3, modules.probe.DIVISORS[0])
    count = []
    for index in range(plan.rounds):
        if index:
            request = replace(request, min_runs=len(count), max_runs=len(count), target_spread=None)
            count.clear()
        loops = modules.timing.warm(clock, request, lambda _index, _sample: None)
        modules.timing.measure(clock, request, loops, lambda _index, sample: count.append(sample))
        clock.sample(1)
        clock.now += 0.5 + estimate.SECONDS_PER_ELEMENT * trial.m * trial.n
    return clock.now


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("speed", [40.0, 200.0, 2000.0])
@pytest.mark.parametrize("spread", [0.005, 0.02, 0.06])
def test_the_time_is_that_of_the_workers_rule(
    preset: str, speed: float, spread: float, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.syspath_prepend(str(resources.worker()))
    modules = SimpleNamespace(**{name: importlib.import_module(name) for name in ("timing", "request", "probe")})
    monkeypatch.setattr(modules.timing, "time", None)  # put back at the end
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


def test_numbers_are_read_with_commas_or_spaces():
    assert offers.numbers(" 512, 1024 512,,2048", largest=4096) == (512, 1024, 2048)
    assert offers.numbers("", largest=4096) == ()
    for text in ("0", "4097", "1e3", "x", "-1", "½"):
        with pytest.raises(UsageError, match="whole numbers from 1 to 4096"):
            offers.numbers(text, largest=4096)
        assert offers.problem_of(lambda text: offers.numbers(text, largest=4096))(text)


def test_a_selection_is_remembered(tmp_path: Path):
    choices = Choices(("jax-cpu",), preset="thorough", sizes=(512,), dtypes=("float32",), threads=(2,), source="pypi")
    memory.remember(Home(tmp_path), choices)
    assert memory.recall(Home(tmp_path), CATALOGUE) == choices
    memory.remember(Home(tmp_path), replace(choices, channels=("https://me:secret@example.org/c", "conda-forge")))
    assert "secret" not in (tmp_path / memory.FILE).read_text()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"environments": 3}',
        '{"environments": ["gone"]}',
        '{"environments": ["jax-cpu"], "sizes": ["a"]}',
        '{"environments": ["jax-cpu"], "preset": "slow"}',
        '{"environments": ["jax-cpu"], "channels": [1]}',
    ],
)
def test_an_unsound_memory_is_none(tmp_path: Path, content: str):
    (tmp_path / memory.FILE).write_text(content)
    assert memory.recall(Home(tmp_path), CATALOGUE) is None


def test_stacks_that_are_gone_are_forgotten(tmp_path: Path):
    (tmp_path / memory.FILE).write_text(json.dumps({"environments": ["gone", "jax-cpu"], "unknown": 1}))
    recalled = memory.recall(Home(tmp_path), CATALOGUE)
    assert recalled is not None and recalled.environments == ("jax-cpu",)


def test_the_command_says_the_same_and_hides_logins():
    choices = Choices(
        ("jax-cpu", "numpy-mkl"), preset="quick", sizes=(1, 2), threads=(4,), source="conda",
        channels=("https://me:secret@example.org/c",),
    )  # fmt: skip
    words = preview.command_words(choices, home_option="/a b")
    assert " ".join(words).startswith("mambench run jax-cpu numpy-mkl --preset quick --size 1,2 --threads 4")
    assert words[-2:] == ["--home", "'/a b'"]
    assert "secret" not in " ".join(words)


def test_the_machine_is_told_in_four_lines():
    facts = dict(machine_facts(WORKSTATION))
    assert list(facts) == ["CPU", "memory", "GPU", "system"]
    assert facts["CPU"] == "A processor, 4 cores, avx2"
    assert facts["GPU"] == "2 x A GPU, 80 GiB, driver 570.10 (CUDA 12.8)"
    assert dict(machine_facts(LAPTOP))["GPU"] == "none found"
