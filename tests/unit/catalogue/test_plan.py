"""Choices, the catalogue and the machine make a plan; what cannot run is known before anything is downloaded."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import GIB, a_benchmark, a_catalogue, a_gpu, a_machine, a_spec, a_trial

from mambench.catalogue.feasibility import impossible, memory_failure, needed_bytes, static_failure
from mambench.catalogue.plan import build, known_stack
from mambench.catalogue.presets import PRESETS
from mambench.errors import ManifestError, UsageError
from mambench.model import BrokenFile, Choices, CudaNeeds, EnvironmentSpec, Failure, Gpu, Plan, PypiRecipe, Stack
from mambench.system import resources

NUMPY = a_spec("numpy-openblas")
TORCH = a_spec("torch-cuda", kernel="torch", devices=("cuda",), cuda=CudaNeeds("12.6", "7.5"))
MKL = a_spec("numpy-mkl", pypi=None)


def a_plan(*names: str, machine: Any = None, existing: tuple[EnvironmentSpec, ...] = (), **choices: Any) -> Plan:
    chosen = Choices(environments=names, **choices)
    return build(chosen, a_catalogue(NUMPY, TORCH, MKL), machine or a_machine(), existing)


def the_stack(*names: str, **choices: Any) -> Stack:
    (stack,) = a_plan(*names, **choices).stacks
    return stack


# ---------------------------------------------------------------------------------------------- presets


AMOUNTS = a_benchmark().presets


def test_presets_are_those_of_the_design() -> None:
    assert list(PRESETS) == ["quick", "standard", "thorough"]
    assert PRESETS["quick"].rounds == 1
    assert PRESETS["standard"].rounds == 5
    assert PRESETS["thorough"].rounds >= 3
    assert AMOUNTS["standard"]["cpu"].sizes == ({"m": 8000, "n": 8000, "k": 8000},)
    limits = PRESETS["standard"].limits
    assert (limits.warmups, limits.min_runs, limits.max_runs) == (2, 3, 200)
    assert (limits.max_seconds, limits.target_spread) == (15, 0.01)


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.name)
def test_every_preset_can_be_kept(preset: Any) -> None:
    limits = preset.limits
    assert limits.min_runs <= limits.max_runs
    assert limits.min_runs * (limits.max_run_seconds or 0) < preset.timeout_seconds
    assert preset.timeout_seconds > limits.max_seconds
    assert {*AMOUNTS[preset.name]["cpu"].dtypes} <= {"float64", "float32"}


def test_a_preset_gives_sizes_dtypes_and_rounds() -> None:
    plan = a_plan("numpy-openblas", preset="quick")
    assert (plan.rounds, plan.timeout_seconds, plan.seed) == (1, 300, 1)
    assert [(trial.size.label, trial.dtype) for trial in plan.stacks[0].trials] == [
        ("2048", "float64"),
        ("2048", "float32"),
    ]


def test_rounds_and_timeout_beat_the_preset() -> None:
    plan = a_plan("numpy-openblas", rounds=7, timeout_seconds=5.0)
    assert (plan.rounds, plan.timeout_seconds) == (7, 5.0)


@pytest.mark.parametrize(
    ("choices", "words"),
    [
        ({"preset": "quik"}, "no preset 'quik'; did you mean quick?"),
        ({"source": "pipy"}, "no source 'pipy'; did you mean pypi?"),
        ({"dtypes": ("float46",)}, "no dtype 'float46'; did you mean float64"),
        ({"devices": ("cuba",)}, "no device 'cuba'; did you mean cuda"),
        ({"devices": ("cuda:x",)}, "there is no device 'cuda:x'"),
    ],
)
def test_what_does_not_exist_is_named_with_the_nearest(choices: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=re.escape(words)):
        a_plan("numpy-openblas", **choices)


def test_an_unknown_stack_is_named_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=re.escape("no stack 'numpy-mlk'; did you mean numpy-mkl")):
        a_plan("numpy-mlk")


# --------------------------------------------------------------------------------------------- products


def test_trials_are_the_product_of_sizes_dtypes_and_threads() -> None:
    stack = the_stack("numpy-openblas", sizes=(64, 128), dtypes=("float32", "float64"), threads=(1, 4))
    found = [(trial.size.label, trial.dtype, trial.threads) for trial in stack.trials]
    assert found == [(n, dtype, t) for n in ("64", "128") for dtype in ("float32", "float64") for t in (1, 4)]
    assert [trial.size.name for trial in stack.trials[:1]] == ["64x64x64"]


def test_what_is_asked_for_twice_is_one_trial() -> None:
    """The key of a trial names it in the report, so no two may share one."""
    plan = a_plan("numpy-openblas", "numpy-openblas", sizes=(64, 64), dtypes=("float64", "float64"))
    (stack,) = plan.stacks
    assert len(stack.trials) == 1


def test_every_device_of_the_machine_is_taken_unless_some_are_named() -> None:
    machine = a_machine("linux-64", a_gpu(index=0), a_gpu(index=1))
    both = the_stack("torch-cuda", machine=machine, sizes=(64,), dtypes=("float32",))
    one = the_stack("torch-cuda", machine=machine, sizes=(64,), dtypes=("float32",), devices=("cuda:1",))
    assert [str(trial.device) for trial in both.trials] == ["cuda:0", "cuda:1"]
    assert [str(trial.device) for trial in one.trials] == ["cuda:1"]


def test_gpus_are_measured_alone_and_then_while_the_others_work() -> None:
    machine = a_machine("linux-64", a_gpu(index=0), a_gpu(index=1))
    asked = {"sizes": (64,), "dtypes": ("float32",), "devices": ("cuda",), "at_once": True}
    stack = the_stack("torch-cuda", machine=machine, **asked)
    assert [trial.place for trial in stack.trials] == ["cuda:0", "cuda:0+cuda:1", "cuda:1", "cuda:1+cuda:0"]
    assert len({trial.key for trial in stack.trials}) == 4 and len({trial.group for trial in stack.trials}) == 4
    with pytest.raises(UsageError, match="--at-once needs two GPUs"):
        the_stack("torch-cuda", machine=a_machine("linux-64", a_gpu()), **asked)


def test_all_takes_the_rest_after_what_is_named() -> None:
    plan = a_plan("numpy-mkl", everything=True)
    assert [stack.spec.name for stack in plan.stacks] == ["numpy-mkl", "numpy-openblas", "torch-cuda"]


def test_an_existing_python_has_its_own_source() -> None:
    spec = a_spec("existing:mine", python=Path("/mine/python"), conda=None, pypi=None)
    stack = a_plan(existing=(spec,), source="conda").stacks[0]
    assert (stack.sources, stack.failure) == (("existing",), None)


def test_two_existing_pythons_of_one_name_are_refused() -> None:
    one = a_spec("existing:env", python=Path("/a/python"), kernel="numpy")
    other = a_spec("existing:env", python=Path("/b/python"), kernel="numpy")
    with pytest.raises(UsageError, match="two pythons are called existing:env"):
        a_plan(existing=(one, other))
    assert len(a_plan(existing=(one, a_spec("existing:env", python=Path("/a/python"), kernel="torch"))).stacks) == 2


def test_a_stack_without_a_kernel_is_a_row_that_says_so() -> None:
    plan = build(Choices(environments=("x",)), a_catalogue(a_spec("x", kernel="nunpy")), a_machine())
    failure = plan.stacks[0].failure
    assert reason(failure) == "kernel" and failure is not None
    assert failure.message == "matmul has no kernel for nunpy, only for cupy, numpy, torch"
    assert plan.stacks[0].trials  # there is a row to say it in


# --------------------------------------------------------------------------------------------- failures


def reason(failure: Failure | None) -> str | None:
    if failure is None:
        return None
    assert failure.status == "unavailable"
    assert failure.message
    return failure.reason


def test_a_stack_for_other_platforms_is_unavailable_and_still_has_rows() -> None:
    stack = the_stack("numpy-openblas", machine=a_machine("osx-arm64"))
    assert reason(stack.failure) == "platform"
    assert "osx-arm64" in stack.failure.message  # type: ignore[union-attr]
    assert stack.trials


def test_a_stack_that_no_source_has_for_this_platform_is_unavailable_and_still_has_rows() -> None:
    spec = a_spec("mine", conda=None, pypi=PypiRecipe(">=3.10", ("numpy==2.4.6",), platforms=("win-64",)))
    (stack,) = build(Choices(environments=("mine",)), a_catalogue(spec), a_machine("linux-64")).stacks
    assert stack.failure == impossible(spec, a_machine("linux-64"))
    assert reason(stack.failure) == "platform"
    assert stack.failure is not None
    assert stack.failure.message == "no source has mine for linux-64"
    assert stack.trials
    assert impossible(spec, a_machine("win-64")) is None


def test_a_gpu_stack_without_a_gpu_has_no_device() -> None:
    stack = the_stack("torch-cuda")
    assert reason(stack.failure) == "no_device"
    assert {str(trial.device) for trial in stack.trials} == {"cuda:0"}


def test_a_stack_that_cannot_use_the_named_device_says_so() -> None:
    stack = the_stack("numpy-openblas", machine=a_machine("linux-64", a_gpu()), devices=("cuda",))
    assert reason(stack.failure) == "no_device"
    assert stack.failure is not None
    assert stack.failure.message == "it runs on cpu, not on cuda"


def test_a_stack_of_one_source_is_never_silently_replaced() -> None:
    stack = the_stack("numpy-mkl", source="pypi")
    assert reason(stack.failure) == "source"
    assert "conda only; leave out --source pypi" in stack.failure.message  # type: ignore[union-attr]


def test_another_stack_is_named_where_the_source_asked_for_has_none() -> None:
    catalogue = a_catalogue(replace(MKL, instead="blas-mkl"))
    (stack,) = build(Choices(environments=("numpy-mkl",), source="pypi"), catalogue, a_machine()).stacks
    failure = stack.failure
    assert failure is not None
    assert failure.message.endswith("leave out --source pypi, or take blas-mkl instead")


def test_sources_are_tried_conda_first() -> None:
    assert the_stack("numpy-openblas").sources == ("conda", "pypi")
    assert the_stack("numpy-openblas", source="pypi").sources == ("pypi",)


@pytest.mark.parametrize(
    ("gpu", "words"),
    [
        ({"cuda_version": "12.4"}, "driver 570.10 supports CUDA 12.4; this stack needs 12.6"),
        ({"cuda_version": "9.2"}, "update the driver"),
        ({"compute_capability": "7.0"}, "has compute capability 7.0"),
    ],
)
def test_a_gpu_that_is_too_old_is_told_before_anything_is_downloaded(gpu: dict[str, str], words: str) -> None:
    failure = impossible(TORCH, a_machine("linux-64", a_gpu(**gpu)))
    assert reason(failure) == "no_device"
    assert failure is not None
    assert words in failure.message


@pytest.mark.parametrize("gpu", [{}, {"compute_capability": "10.0"}, {"cuda_version": "13.0"}, {"cuda_version": None}])
def test_a_gpu_that_will_do_is_no_failure(gpu: dict[str, Any]) -> None:
    """10.0 is later than 7.5: versions are compared as numbers."""
    assert impossible(TORCH, a_machine("linux-64", a_gpu(**gpu))) is None


@pytest.mark.parametrize(
    ("dtype", "device", "expected"),
    [
        ("tf32", "cpu:0", "dtype"),
        ("tf32", "metal:0", "dtype"),
        ("tf32", "cuda:0", None),
        ("float64", "metal:0", "dtype"),
        ("float64", "cpu:0", None),
    ],
)
def test_dtypes_that_a_device_lacks_are_known_beforehand(dtype: str, device: str, expected: str | None) -> None:
    assert reason(static_failure(a_trial(dtype=dtype, device=device), NUMPY, a_machine())) == expected


# ----------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("dtype", ["float64", "float32", "float16"])
@pytest.mark.parametrize("free", [GIB, 3 * GIB, 7 * GIB + 12345, 64 * GIB])
def test_the_size_that_is_suggested_really_fits(dtype: str, free: int) -> None:
    failure = memory_failure(square(200_000, dtype), available_bytes=free, gpu=None)
    assert reason(failure) == "memory"
    assert failure is not None
    found = re.search(r"try --size (\d+)", failure.message)
    assert found is not None
    size = int(found[1])
    assert memory_failure(square(size, dtype), available_bytes=free, gpu=None) is None
    assert memory_failure(square(size + 64, dtype), available_bytes=free, gpu=None) is not None


def square(size: int, dtype: str = "float64", **changes: Any) -> Any:
    return a_trial(m=size, n=size, k=size, dtype=dtype, **changes)


def test_where_no_size_fits_none_is_suggested() -> None:
    failure = memory_failure(square(100), available_bytes=GIB // 4, gpu=None)
    assert failure is not None
    assert "--size" not in failure.message
    assert "close other programs" in failure.message


def test_a_trial_that_fits_to_the_byte_is_no_failure() -> None:
    needed = needed_bytes(square(1000))
    assert memory_failure(square(1000), available_bytes=needed, gpu=None) is None
    assert memory_failure(square(1000), available_bytes=needed - 1, gpu=None) is not None


def test_the_memory_of_a_gpu_counts_where_it_is_known() -> None:
    small, unified = a_gpu(free_bytes=GIB), a_gpu("metal", free_bytes=None)
    assert memory_failure(square(20_000), available_bytes=64 * GIB, gpu=small) is not None
    assert memory_failure(square(20_000), available_bytes=64 * GIB, gpu=unified) is None


# ------------------------------------------------------------------------------------------------- keys


def test_the_key_of_a_trial_is_that_of_the_design() -> None:
    trial = a_trial("numpy-openblas@pypi", m=8000, n=8000, k=8000)
    assert trial.key == "matmul/numpy-openblas@pypi/cpu:0/float64/8000x8000x8000/threads=default"
    assert a_trial(m=1, n=2, k=3, threads=4).key.endswith("/1x2x3/threads=4")


def test_the_key_of_an_existing_python_tells_its_frameworks_apart() -> None:
    assert a_trial("existing:mine").key.startswith("matmul/existing:mine/numpy/cpu:0/")
    assert a_trial("existing:mine", framework="torch").key != a_trial("existing:mine").key


def test_more_than_all_the_memory_is_refused_before_anything_is_made() -> None:
    failure = static_failure(square(200_000), NUMPY, a_machine())
    assert failure is not None and failure.reason == "memory" and "is all that this machine has" in failure.message
    assert static_failure(square(100), NUMPY, a_machine()) is None


def test_a_gpu_with_too_little_memory_is_named() -> None:
    small = replace(a_gpu(memory_bytes=2 * GIB), name="a small GPU")
    failure = static_failure(square(20_000, device="cuda:0"), TORCH, a_machine("linux-64", small))
    assert failure is not None and "is all that a small GPU has" in failure.message


def test_keys_keep_the_pattern_of_the_schema() -> None:
    schema = json.loads(resources.schema().read_text(encoding="utf-8"))
    pattern = schema["$defs"]["result"]["properties"]["trial"]["pattern"]
    for trial in (a_trial("existing:My env"), a_trial("numpy@conda", threads=2, device="cuda:11")):
        assert re.search(pattern, trial.key)


def test_work_is_two_operations_for_each_term() -> None:
    assert a_trial(m=2, n=3, k=5).work == pytest.approx(60e-9)


# ------------------------------------------------------------------------------------------ several GPUs


def test_of_two_gpus_the_old_one_is_left_out_and_the_new_one_runs() -> None:
    old = Gpu("cuda", 0, "old", driver="580", cuda_version="13.0", compute_capability="6.1")
    new = Gpu("cuda", 1, "new", driver="580", cuda_version="13.0", compute_capability="9.0")
    machine = a_machine("linux-64", old, new)
    assert impossible(TORCH, machine) is None
    found = {device: static_failure(a_trial(device=device), TORCH, machine) for device in ("cuda:0", "cuda:1")}
    assert reason(found["cuda:0"]) == "no_device"
    assert found["cuda:1"] is None


def test_a_short_timeout_is_foreseen_by_the_limits() -> None:
    limits = a_plan("numpy-openblas", timeout_seconds=10.0).limits
    assert (limits.max_run_seconds, limits.budget_seconds) == (5.0, 8.0)


@pytest.mark.parametrize(
    ("machine", "words"),
    [
        (a_machine(), "cuda"),
        (a_machine("osx-arm64"), "metal"),
        (a_machine("linux-64", a_gpu()), "cuda"),
    ],
)
def test_a_gpu_is_asked_for_by_its_kind(machine: Any, words: str) -> None:
    for device in ("gpu", "gpu:1"):
        with pytest.raises(UsageError, match=re.escape(f"{device!r}; did you mean {words}?")):
            a_plan("numpy-openblas", devices=(device,), machine=machine)


def test_a_broken_file_is_told_by_its_name() -> None:
    catalogue = replace(
        a_catalogue(MKL), broken=(BrokenFile("mine", "mine.toml, line 2"), BrokenFile("numpy-mkl", "no"))
    )
    with pytest.raises(ManifestError, match="line 2"):
        known_stack("mine", catalogue)
    assert known_stack("numpy-mkl", catalogue).name == "numpy-mkl"


def test_a_longer_run_that_was_asked_for_has_more_time_in_all() -> None:
    plan = a_plan("numpy-openblas", preset="quick", max_run_seconds=60.0)
    assert plan.limits.max_run_seconds == 60.0
    assert plan.timeout_seconds == 3 * 300
    with pytest.raises(UsageError, match="does not fit into --timeout 100"):
        a_plan("numpy-openblas", preset="quick", max_run_seconds=60.0, timeout_seconds=100.0)


def test_a_size_that_nobody_named_is_looked_at_twice() -> None:
    assert a_plan("numpy-openblas").limits.second_look
    assert not a_plan("numpy-openblas", sizes=(512,)).limits.second_look


def test_a_sustained_measurement_ends_by_its_seconds_and_a_warmup_may_be_longer() -> None:
    choices = Choices(environments=("numpy-openblas",), sustained_seconds=600, warmup_seconds=30)
    plan = build(choices, a_catalogue(), a_machine())
    assert (plan.limits.max_seconds, plan.limits.target_spread, plan.limits.warmup_seconds) == (600, None, 30)
    assert plan.limits.budget_seconds is not None and plan.limits.budget_seconds > 600
    assert plan.timeout_seconds > plan.limits.budget_seconds
