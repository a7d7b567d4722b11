"""What is offered and what it costs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from mambench.catalogue import manifest, presets
from mambench.catalogue import plan as planning
from mambench.errors import UsageError
from mambench.model import Benchmark, Choices, Cpu, Gpu, Kernel, Machine
from mambench.system import resources
from mambench.wizard import estimate, offers
from mambench.wizard.estimate import Speeds

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
    assert rows["numpy-mkl"].detail.endswith("never run by us; size not known yet")
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


def test_numbers_are_read_with_commas_or_spaces():
    assert offers.numbers(" 512, 1024 512,,2048", largest=4096) == (512, 1024, 2048)
    assert offers.numbers("", largest=4096) == ()
    for text in ("0", "4097", "1e3", "x", "-1", "½"):
        with pytest.raises(UsageError, match="whole numbers from 1 to 4096"):
            offers.numbers(text, largest=4096)
        assert offers.problem_of(lambda text: offers.numbers(text, largest=4096))(text)


OWN = replace(CATALOGUE.benchmarks["gpt"], about=Benchmark("mine", "Mine", "tokens/s", "home"))
APPLE_ONLY = replace(OWN, about=replace(OWN.about, name="apple"), kernels={"mlx": Kernel("k.py", "mlx", ("metal",))})
WITH_OWN = replace(CATALOGUE, benchmarks={"apple": APPLE_ONLY, "mine": OWN, **CATALOGUE.benchmarks})


def test_the_usual_benchmark_comes_first_and_the_users_own_last_unticked():
    rows = offers.benchmarks(WITH_OWN, LAPTOP, ("matmul",))
    assert [row.value for row in rows] == ["matmul", *sorted(CATALOGUE.benchmarks.keys() - {"matmul"}), "apple", "mine"]
    assert [row.value for row in rows if row.ticked] == ["matmul"]
    assert rows[0].detail.startswith("Matrix multiplication, GFLOPS: C = A B with")
    assert rows[-1].detail == "Mine, tokens/s, your own"
    assert rows[-2].disabled.startswith("no stack that can run on this machine")


def test_the_list_of_benchmarks_is_opened_only_where_there_is_more_than_one():
    (row,) = offers.benchmarks_row(WITH_OWN, ("matmul", "fft"))
    assert row.opens and row.detail == f"matmul, fft; {len(WITH_OWN.benchmarks) - 2} more to choose from"
    alone = replace(CATALOGUE, benchmarks={"matmul": CATALOGUE.benchmarks["matmul"]})
    assert offers.benchmarks_row(alone, ("matmul",)) == ()


def test_a_stack_without_a_kernel_for_any_chosen_benchmark_says_so():
    rows = {row.value: row for row in offers.offers(CATALOGUE, LAPTOP, READY, ("numpy-openblas",), ("gpt",))}
    assert rows["numpy-openblas"].disabled == "gpt has no kernel for numpy, only for jax, torch"
    assert rows["jax-cpu"].ticked, "what was ticked cannot run, so that the usual ones are"
    both = {row.value: row for row in offers.offers(CATALOGUE, LAPTOP, READY, (), ("matmul", "gpt"))}
    assert both["numpy-openblas"].detail.endswith("; without gpt") and not both["numpy-openblas"].disabled
    assert "without" not in both["jax-cpu"].detail
    assert both["scipy"].disabled.startswith("matmul and gpt have no kernel for scipy")


def test_other_benchmarks_take_neither_the_sizes_nor_the_dtypes_that_were_meant_for_the_last():
    choices = Choices(("jax-cpu",), sizes=(128,), dtypes=("tf32", "float32"))
    assert offers.with_benchmarks(choices, ("matmul",), CATALOGUE) == choices
    changed = offers.with_benchmarks(choices, ("bandwidth",), CATALOGUE)
    assert changed == replace(choices, benchmarks=("bandwidth",), sizes=(), dtypes=("float32",))
    assert [row.value for row in offers.dtypes(changed, CATALOGUE) if row.disabled] == ["tf32", "float8"]


def test_a_size_that_a_benchmark_does_not_take_is_refused_before_the_plan():
    assert offers.read_sizes("1024, 2048", ("matmul", "bandwidth"), CATALOGUE) == (1024, 2048)
    with pytest.raises(UsageError, match="bandwidth: n = 1000; it has to be a multiple of 1024"):
        offers.read_sizes("1000", ("matmul", "bandwidth"), CATALOGUE)
    words = offers.sizes_meaning(("bandwidth", "gpt"), CATALOGUE)
    assert words.startswith("Each number sets n of bandwidth (a multiple of 1024), batch of gpt.")


def test_sizes_are_called_n_only_where_they_are():
    assert offers.settings_words(Choices(sizes=(512,))) == "n = 512"
    assert offers.settings_words(Choices(sizes=(512, 8), benchmarks=("gpt",))) == "sizes 512, 8"
