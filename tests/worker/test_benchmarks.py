"""Every kernel of every benchmark, measured by the worker as the launcher asks it to.

The running interpreter is used for what it can import; MAMBENCH_TEST_PYTHONS names more (see interpreters.py). What
each check and each kernel is worth in detail is tested in files of their own.
"""

from __future__ import annotations

import json

import pytest
from interpreters import python_with

from mambench.catalogue.benchmarks import load_benchmark
from mambench.catalogue.sizes import order, size_of
from mambench.model import CPU, StackKey, Trial
from mambench.system import resources

SPECS = {file.parent.name: load_benchmark(file) for file in resources.benchmarks().glob("*/benchmark.toml")}
SMALL = {
    "matmul": {"m": 96, "n": 80, "k": 64, "batch": 2},
    "bandwidth": {"n": 2**17},
    "elementwise": {"n": 2**17},
    "solve": {"n": 160},
    "cholesky": {"n": 160},
    "fft": {"n": 2**14},
    "gpt": {"layers": 1, "heads": 2, "embedding": 32, "context": 16, "batch": 2, "vocabulary": 64},
}
KERNELS = [
    (benchmark, framework)
    for benchmark, spec in sorted(SPECS.items())
    for framework, kernel in spec.kernels.items()
    if "cpu" in kernel.devices and kernel.module
]


def asked(benchmark, framework, dtype, shipped):
    """Return the line that the launcher sends for a small size."""
    spec = SPECS[benchmark]
    size = size_of(spec, SMALL[benchmark], dtype)
    trial = Trial(benchmark, StackKey("a-stack"), framework, CPU, dtype, size)
    check = spec.check
    params = {**dict(size.params), "dtype": dtype, "device": "cpu:0", "seed": 1, "threads": None}
    request = {
        "protocol": 2,
        "kernel": str(spec.folder / spec.kernels[framework].file),
        "check": str(shipped.with_name(f"check_{check.stock}.py") if check.stock else spec.folder / check.file),
        "params": {**params, "settings": {}, "check": dict(check.settings)},
        "size": size.words,
        **order(spec, trial),
        "probe": True, "max_run_seconds": 100, "warmups": 1, "min_runs": 3, "max_runs": 3, "max_seconds": 5,
    }  # fmt: skip
    return json.dumps(request).encode() + b"\n"


def test_every_benchmark_is_tried():
    assert sorted(SMALL) == sorted(SPECS)


@pytest.mark.parametrize(("benchmark", "framework"), KERNELS)
def test_a_kernel_is_measured_and_verified(start, shipped, benchmark, framework):
    python = python_with(framework)
    dtype = "float64" if framework in ("numpy", "scipy") else "float32"
    worker = start(python=python)
    worker.send(asked(benchmark, framework, dtype, shipped))
    done = worker.finish()
    assert done.terminal["event"] == "finished", done.terminal
    assert len(done.named("sample", "run")) == 3 and done.named("sample", "probe")
    assert all(each["ok"] for each in done.named("check"))
    assert len({each["seed"] for each in done.named("check")}) >= 3
    facts = {**done.named("ready")[0]["facts"], **done.terminal["facts"]}
    assert facts["result_device"] == "cpu:0" and facts["framework"] == framework
    assert facts["result_dtype"] in (dtype, {"float64": "complex128", "float32": "complex64"}[dtype])
