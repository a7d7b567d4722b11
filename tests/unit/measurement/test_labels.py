"""What a row says of itself against what ran: devices, GPUs, element types, threads, libraries."""

from __future__ import annotations

from typing import Any

import pytest
from builders import a_gpu, a_round, a_spec, a_trial

from mambench.analysis.words import sentence
from mambench.measurement.labels import checked, mislabelled, unproven
from mambench.model import Package, Result, Trial, WarningKind

OPENBLAS = a_spec(expect={"blas": "openblas"})
PROVEN = {"blas": "openblas", "threads": 2, "result_dtype": "float64", "result_device": "cpu:0"}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"device_kind": "cpu", "blas": "OpenBLAS 0.3"}, None),
        ({"blas": "openblas"}, None),
        ({"device_kind": "cuda", "blas": "openblas"}, "asks for cpu, the result was computed on cuda"),
        ({"device_kind": "cpu", "blas": "mkl 2026"}, "what ran was mkl 2026"),
        ({"device_kind": "cpu"}, "what ran was None"),
    ],
)
def test_facts_are_held_against_the_trial_and_the_recipe(facts: dict[str, str], words: str | None) -> None:
    found = mislabelled(a_round(facts=facts), a_trial(), OPENBLAS)
    assert (found is None) if words is None else words in (found or "")


@pytest.mark.parametrize(
    ("asked", "facts", "words"),
    [
        ({"threads": 2}, {"threads": 2}, None),
        ({"threads": 1000}, {"threads": 2}, "asks for 1000 threads, 2 ran; try --threads 2"),
        ({"threads": 1000}, {}, None),
        ({"threads": None}, {"threads": 2}, None),
        ({"threads": 4, "device": "cuda:0"}, {"threads": 2}, None),
        ({"dtype": "float32"}, {"result_dtype": "float64"}, "asks for float32, the result is float64"),
        ({"dtype": "tf32", "device": "cuda:0"}, {"result_dtype": "float32"}, None),
        ({"dtype": "tf32", "device": "cuda:0"}, {"result_dtype": "float16"}, "asks for tf32, the result is float16"),
        ({"dtype": "float32"}, {"float32_precision": "ieee"}, None),
        ({"dtype": "float32"}, {"float32_precision": "tf32"}, "asks for float32, float32 was computed as tf32"),
        ({"dtype": "float32"}, {"float32_precision": "bf16"}, "asks for float32, float32 was computed as bf16"),
        ({"dtype": "tf32", "device": "cuda:0"}, {"float32_precision": "tf32"}, None),
        ({"dtype": "tf32", "device": "cuda:0"}, {"float32_precision": "ieee"}, "float32 was computed as ieee"),
        ({"dtype": "bfloat16"}, {"float32_precision": "tf32"}, None),
        ({}, {"result_device": "cpu"}, None),
        ({}, {"result_device": "cuda:0"}, "asks for cpu:0, the result was computed on cuda:0"),
        ({"device": "cuda:1"}, {"result_device": "cuda:1"}, None),
        ({"device": "cuda:1"}, {"result_device": "cuda:0"}, "asks for cuda:1, the result was computed on cuda:0"),
    ],
)
def test_what_was_asked_for_is_held_against_what_ran(asked: Any, facts: Any, words: str | None) -> None:
    found = mislabelled(a_round(facts=facts), a_trial(**asked), a_spec())
    assert (found is None) if words is None else words in (found or "")


@pytest.mark.parametrize(
    ("planned", "seen", "right"),
    [
        ("GPU-ab", "GPU-AB", True),
        ("GPU-ab", "GPU-cd", False),
        ("GPU-ab", None, True),
        (None, "GPU-cd", True),
    ],
)
def test_the_gpu_that_was_planned_is_the_one_that_ran(planned: str | None, seen: str | None, right: bool) -> None:
    one = a_round(facts={"uuid": seen})
    found = mislabelled(one, a_trial(device="cuda:0"), a_spec(), a_gpu(uuid=planned))
    assert (found is None) is right
    assert right or "GPU-cd" in (found or "")


@pytest.mark.parametrize("missing", list(PROVEN))
def test_a_proof_that_is_missing_is_a_warning_and_the_number_stays(missing: str) -> None:
    kept = {name: value for name, value in PROVEN.items() if name != missing}
    result = checked(Result(a_trial(), "ok", (a_round(facts=kept), a_round(1, facts=kept))), a_spec(), None)
    assert result.status == "ok"
    (warning,) = result.warnings
    assert warning.kind == WarningKind.UNPROVEN
    assert "not proven" in sentence(warning)


def test_all_proofs_are_no_warning() -> None:
    assert unproven(a_round(facts=PROVEN), a_trial()) is None
    on_gpu = {"blas": "cublas", "result_dtype": "float64", "result_device": "cuda:0"}
    assert unproven(a_round(facts=on_gpu), a_trial(device="cuda:0")) is None


def test_a_mislabelled_row_is_neither_verified_nor_a_number() -> None:
    trial: Trial = a_trial(dtype="float32")
    result = checked(Result(trial, "ok", (a_round(facts=PROVEN),), spread=0.1), a_spec(), None)
    assert (result.status, result.verified, result.spread) == ("failed", False, None)
    assert result.failure is not None and result.failure.reason == "mislabelled"


@pytest.mark.parametrize(
    ("framework", "package", "said", "refused"),
    [
        ("numpy", "numpy 2.4.6", "2.4.6", False),
        ("numpy", "numpy 2.4.6", "2.3.0", True),
        ("numpy", "numpy 2.4.6", None, False),
        ("numpy", "scipy 1.17", "2.3.0", False),
        ("torch", "torch 2.13.0+cpu", "2.13.0+cpu", False),
        ("torch", "pytorch 2.13.0", "2.13.0.post300", False),
        ("torch", "pytorch 2.13.0", "2.12.0", True),
        ("cupy", "cupy-cuda12x 14.2.0", "14.1.0", True),
        ("tensorflow", "tensorflow-cpu 2.21.0", "2.21.0", False),
        ("jax", "jax-cuda12-plugin 0.9", "0.10.2", False),
    ],
)
def test_a_framework_is_of_the_version_that_was_installed(
    framework: str, package: str, said: str | None, refused: bool
) -> None:
    name, version = package.split()
    facts = PROVEN | ({"framework_version": said} if said else {})
    row = Result(a_trial("numpy-openblas@pypi", framework=framework), "ok", (a_round(facts=facts),))
    found = checked(row, a_spec(), None, (Package(name, version),))
    assert (found.status, found.failure is not None) == (("failed", True) if refused else ("ok", False))
    if found.failure is not None:
        assert found.failure.reason == "mislabelled"
        assert f"{framework} {version} was installed" in found.failure.message and str(said) in found.failure.message
        assert "`mambench env check numpy-openblas --repair`" in found.failure.message
