"""Our own kernels, each in an interpreter that has its framework.

Which those are says interpreters.py.
"""

from __future__ import annotations

import sys

import pytest
from interpreters import python_with

FRAMEWORKS = ("numpy", "torch", "tensorflow", "jax", "mlx")
DTYPES = {
    "numpy": ("float64", "float32"),
    "torch": ("float64", "float32", "float16", "bfloat16", "float8"),
    "tensorflow": ("float64", "float32", "float16", "bfloat16"),
    "jax": ("float64", "float32", "float16", "bfloat16"),
}
STORED = {"float8": "bfloat16"}
ON_CPU = [(framework, dtype) for framework, dtypes in DTYPES.items() for dtype in dtypes]


@pytest.fixture
def measured(serve, root):
    """Run one of our kernels, or say plainly that no interpreter here has its framework."""

    def run(framework, **changes):
        python = python_with(framework)
        kernel = root / "resources" / "benchmarks" / "matmul" / f"kernel_{framework}.py"
        return serve(kernel, python=python, **changes)

    return run


@pytest.mark.parametrize(("framework", "dtype"), ON_CPU)
def test_a_product_on_the_cpu_is_measured_and_verified(measured, framework, dtype):
    done = measured(framework, dtype=dtype, m=304, n=272 if dtype == "float8" else 257, k=208)
    assert done.terminal["event"] == "finished", done.terminal
    assert {e["name"] for e in done.named("check")} == {
        "freivalds_unforeseen",
        "freivalds",
        "exact_entries",
        "freivalds_flipped",
    }
    assert all(e["ok"] for e in done.named("check"))
    facts = done.named("ready")[0]["facts"]
    assert facts["framework"] == framework
    assert facts["framework_version"][0].isdigit()
    assert facts["device_kind"] == "cpu"
    told = {**facts, **done.terminal["facts"]}
    assert (told["result_dtype"], told["result_device"]) == (STORED.get(dtype, dtype), "cpu:0")
    assert told["blas"] and told["blas_version"][0].isdigit()
    assert told["threads"] >= 1
    assert done.named("warning") == []


IN_BATCHES = [(framework, dtype) for framework, dtype in ON_CPU if dtype != "float8"]


@pytest.mark.parametrize(("framework", "dtype"), IN_BATCHES)
def test_a_batch_on_the_cpu_is_measured_and_verified(measured, framework, dtype):
    done = measured(framework, dtype=dtype, batch=5, m=70, n=33, k=96, threads=1)
    assert done.terminal["event"] == "finished", done.terminal
    told = {e["name"] for e in done.named("check")}
    assert told == {"freivalds_unforeseen", "freivalds", "exact_entries", "freivalds_flipped"}
    facts = {**done.named("ready")[0]["facts"], **done.terminal["facts"]}
    assert (facts["result_dtype"], facts["result_device"]) == (dtype, "cpu:0")
    assert done.named("warning") == []


@pytest.mark.parametrize("framework", list(DTYPES))
@pytest.mark.parametrize("batch", [2, 300])
def test_a_batch_of_degenerate_shapes_is_measured(measured, framework, batch):
    done = measured(framework, dtype="float32", batch=batch, m=2, n=1, k=1, threads=1)
    assert done.terminal["event"] == "finished", done.terminal


@pytest.mark.parametrize("framework", list(DTYPES))
def test_a_batch_is_computed_within_its_probe_and_threads(measured, framework):
    sizes = {"batch": 3, "m": 128, "n": 128, "k": 128}
    done = measured(framework, dtype="float32", probe=True, max_run_seconds=600, threads=1, **sizes)
    assert done.terminal["event"] == "finished", done.terminal
    assert done.terminal["facts"]["threads"] == 1
    assert done.named("sample", "probe")[0]["predicted_seconds"] > 0


def test_float8_in_a_batch_is_a_dtype_failure(measured):
    end = measured("torch", dtype="float8", batch=2, m=32, n=32, k=32).terminal
    assert (end["reason"], "no batch" in end["message"]) == ("dtype", True)


@pytest.mark.parametrize("framework", ["numpy", "torch", "tensorflow", "jax"])
@pytest.mark.parametrize("threads", [1, 2])
def test_the_threads_asked_for_are_the_threads_used(measured, framework, threads):
    done = measured(framework, threads=threads, dtype="float32", m=1024, n=1024, k=1024)
    assert done.terminal["event"] == "finished", done.terminal
    assert done.terminal["facts"]["threads"] == threads
    used = done.terminal["cpu_seconds"] / done.terminal["run_seconds"]
    assert used < threads + 0.3


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax"])
def test_no_precision_shortcut_is_on_for_float32(measured, framework):
    """A shortcut that this machine does not have would not show in the product: the switches are looked at too."""
    assert measured(framework, dtype="float32").named("ready")[0]["facts"]["float32_precision"] == "ieee"


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax"])
def test_tf32_on_a_cpu_is_a_dtype_failure(measured, framework):
    end = measured(framework, dtype="tf32").terminal
    assert (end["event"], end["reason"]) == ("failed", "dtype")


@pytest.mark.parametrize("framework", ["tensorflow", "jax"])
def test_float8_without_a_product_of_it_is_a_dtype_failure(measured, framework):
    assert measured(framework, dtype="float8").terminal["reason"] == "dtype"


def test_float8_of_another_size_is_a_dtype_failure(measured):
    end = measured("torch", dtype="float8", m=250, n=256, k=256).terminal
    assert (end["reason"], "multiples of 16" in end["message"]) == ("dtype", True)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "tf32", "float8"])
def test_numpy_refuses_what_it_has_no_blas_for(measured, dtype):
    end = measured("numpy", dtype=dtype).terminal
    assert end["reason"] == "dtype"
    assert "no BLAS" in end["message"]


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_a_device_that_is_not_there_is_named(measured, framework):
    end = measured(framework, device="cuda:63", dtype="float32").terminal
    assert (end["event"], end["reason"]) == ("failed", "no_device")
    assert "cuda" in end["message"].lower()


@pytest.mark.parametrize("framework", list(DTYPES))
def test_a_probe_leaves_the_real_setup_intact(measured, framework):
    done = measured(framework, probe=True, max_run_seconds=600, threads=1, dtype="float32", m=256, n=256, k=256)
    assert done.terminal["event"] == "finished", done.terminal
    assert done.named("sample", "probe")[0]["predicted_seconds"] > 0


@pytest.mark.parametrize("framework", list(DTYPES))
def test_degenerate_shapes_are_measured(measured, framework):
    assert measured(framework, m=1, n=1, k=1, dtype="float32").terminal["event"] == "finished"


@pytest.mark.parametrize("framework", ["torch", "tensorflow", "jax"])
def test_every_run_computes(measured, framework):
    """A product folded into a constant, or not waited for, would not cost the processor in proportion to its work.

    Its time on the processor, not by the clock: that is the same on a busy machine.
    """
    counted = {"dtype": "float32", "loops": 1, "min_runs": 9, "max_runs": 9, "max_seconds": 600, "threads": 1}
    small, large = (measured(framework, m=n, n=n, k=n, **counted).terminal["cpu_seconds"] for n in (256, 1024))
    assert large > 8 * small


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted on Linux here")
@pytest.mark.parametrize("framework", ["numpy", "torch", "jax"])
def test_the_product_is_rewritten_in_its_memory(measured, framework):
    done = measured(framework, dtype="float32", threads=1, m=1024, n=1024, k=64)
    assert done.terminal["facts"].get("fresh_bytes_per_run", 0) < 0.1 * 4 * 1024 * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="page faults are counted on Linux here")
def test_tensorflow_is_told_to_take_fresh_memory(measured):
    """It gives C back and asks for it anew; how often the memory is a new one is the system's affair."""
    done = measured("tensorflow", dtype="float32", threads=1, m=3072, n=3072, k=32)
    assert done.terminal["facts"]["fresh_bytes_per_run"] > 0.01 * 4 * 3072 * 3072
