"""What is offered, what it costs, how long it takes, what is remembered: without a terminal."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mambench import manifest, resources
from mambench import plan as planning
from mambench.errors import UsageError
from mambench.home import Home
from mambench.model import Choices, Cpu, Gpu, Machine
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
    rows = offers.presets(choices, CATALOGUE, LAPTOP, Speeds())
    assert [row.value for row in rows] == ["quick", "standard", "thorough", "advanced"]
    assert all(row.detail.startswith("about ") for row in rows[:3])
    plans = [planning.build(replace(choices, preset=name), CATALOGUE, LAPTOP) for name in planning.PRESETS]
    seconds = [estimate.plan_seconds(plan, LAPTOP, Speeds()) for plan in plans]
    assert seconds == sorted(seconds) and 5 < seconds[0] < 300


def test_speeds_seen_before_make_the_time():
    plan = planning.build(Choices(environments=("numpy-openblas",), preset="standard"), CATALOGUE, LAPTOP)
    trial = plan.stacks[0].trials[0]
    row = {
        "status": "ok", "environment": "jax-cpu@pypi", "framework": "jax", "dtype": trial.dtype,
        "devices": [{"kind": "cpu"}], "gflops": {"median": 10.0}, "rounds": [{"facts": {"ready_seconds": 7.0}}],
    }  # fmt: skip
    broken = [{}, {"status": "ok"}, {**row, "rounds": []}, {**row, "status": "failed"}]
    speeds = estimate.learn([{"results": [row, *broken]}, {"results": [{**row, "gflops": {"median": 99.0}}]}, {}])
    assert speeds.gflops == {("jax-cpu", "cpu", trial.dtype): 10.0}
    assert estimate.assumed_gflops(trial, LAPTOP, speeds) == 10.0
    assert estimate.assumed_gflops(trial, LAPTOP, Speeds()) > 10.0
    assert speeds.starting_seconds == {"jax": 7.0}


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
