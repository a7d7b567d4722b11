"""Small machines, stacks, trials and rounds for the tests, and the report's schema."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema

from mambench.catalogue.benchmarks import load_benchmark
from mambench.catalogue.presets import PRESETS
from mambench.catalogue.sizes import size_of
from mambench.model import (
    BenchmarkSpec,
    Catalogue,
    Check,
    CondaRecipe,
    Cpu,
    Device,
    DeviceKind,
    Environment,
    EnvironmentSpec,
    Gpu,
    Kernel,
    Limits,
    Machine,
    Package,
    Plan,
    PypiRecipe,
    Report,
    Round,
    Sample,
    Size,
    Stack,
    StackKey,
    Trial,
)
from mambench.report import document as report_json
from mambench.system import resources

LIMITS = Limits(warmups=1, min_runs=3, max_runs=50, max_seconds=3, target_spread=0.01, max_run_seconds=20, probe=True)
GIB = 2**30


def a_machine(platform: str = "linux-64", *gpus: Gpu) -> Machine:
    cpu = Cpu(model="A processor", physical_cores=4, logical_cores=8, usable_cores=8)
    return Machine("host", platform, "A system", cpu, memory_bytes=64 * GIB, gpus=gpus)


def a_gpu(kind: str = "cuda", index: int = 0, **changes: Any) -> Gpu:
    fields: dict[str, Any] = {"driver": "570.10", "cuda_version": "12.8", "compute_capability": "9.0"}
    return Gpu(kind, index, f"A {kind} GPU", **{**fields, **changes})


def a_spec(name: str = "numpy-openblas", **changes: Any) -> EnvironmentSpec:
    fields: dict[str, Any] = {
        "title": "NumPy",
        "kernel": "numpy",
        "devices": ("cpu",),
        "platforms": ("linux-64", "win-64"),
        "tested": True,
        "origin": "builtin",
        "conda": CondaRecipe(channels=("conda-forge",), packages=("python=3.12", "numpy=2.4.6")),
        "pypi": PypiRecipe(python=">=3.10", packages=("numpy==2.4.6",)),
    }
    return EnvironmentSpec(name=name, **{**fields, **changes})


def a_benchmark(folder: Path = Path("matmul")) -> BenchmarkSpec:
    kernels = {
        "numpy": Kernel("kernel_numpy.py", "numpy", ("cpu",)),
        "torch": Kernel("kernel_torch.py", "torch", ("cpu", "cuda", "metal")),
        "cupy": Kernel("kernel_cupy.py", "cupy", ("cuda",)),
    }
    return replace(_matmul(), folder=folder, kernels=kernels)


@functools.cache
def _matmul() -> BenchmarkSpec:
    return load_benchmark(resources.benchmarks() / "matmul" / "benchmark.toml")


def a_size(*shape: int, dtype: str = "float64", **params: int) -> Size:
    """A product of `n`, or of `m, n, k`."""
    extents = shape * 3 if len(shape) == 1 else shape
    return size_of(_matmul(), {**dict(zip(("m", "n", "k"), extents, strict=True)), **params}, dtype)


def a_catalogue(*specs: EnvironmentSpec) -> Catalogue:
    return Catalogue({"matmul": a_benchmark()}, {spec.name: spec for spec in specs or (a_spec(),)})


def a_device(text: str = "cpu:0") -> Device:
    kind, _, index = text.partition(":")
    return Device(DeviceKind(kind), int(index))


def a_key(text: str = "numpy-openblas") -> StackKey:
    if text.startswith("existing:"):
        return StackKey(text, "existing")
    name, _, source = text.partition("@")
    return StackKey(name, source or None)  # type: ignore[arg-type]


def a_trial(stack: str = "numpy-openblas", device: str = "cpu:0", **changes: Any) -> Trial:
    """`numpy-mkl@conda` on `cuda:1`, as they are written."""
    fields: dict[str, Any] = {
        "benchmark": "matmul",
        "framework": "numpy",
        "dtype": "float64",
    }
    extents = {name: changes.pop(name, 512) for name in ("m", "n", "k")}
    fields |= changes
    fields.setdefault("size", a_size(*extents.values(), dtype=fields["dtype"]))
    return Trial(stack=a_key(stack), device=a_device(device), **fields)


def a_stack(spec: EnvironmentSpec | None = None, *trials: Trial, **changes: Any) -> Stack:
    spec = spec or a_spec()
    fields: dict[str, Any] = {"sources": spec.sources, "trials": trials or (a_trial(spec.name),)}
    return Stack(spec=spec, **{**fields, **changes})


def a_plan(*stacks: Stack, rounds: int = 3) -> Plan:
    from mambench.model import Choices

    return Plan(
        choices=Choices(environments=tuple(stack.spec.name for stack in stacks)),
        preset=PRESETS["quick"],
        rounds=rounds,
        limits=LIMITS,
        limits_of_largest=LIMITS,
        timeout_seconds=60,
        stacks=stacks,
        benchmarks={"matmul": a_benchmark()},
    )


def an_environment(spec: EnvironmentSpec | None = None, source: str = "pypi", **changes: Any) -> Environment:
    spec = spec or a_spec()
    fields: dict[str, Any] = {
        "python": Path("envs/it/bin/python"),
        "prefix": Path("envs/it"),
        "version": "3.12.7",
        "packages": (Package("numpy", "2.4.6", url="https://example.org/numpy.whl", size_bytes=10),),
        "lock_file": "a lock",
    }
    return Environment(spec=spec, source=source, **{**fields, **changes})  # type: ignore[arg-type]


def a_round(index: int = 0, order: int = 0, seconds: Iterable[float] = (0.1, 0.11, 0.12), **changes: Any) -> Round:
    fields: dict[str, Any] = {
        "started": "2026-11-21T10:00:00Z",
        "warmup_seconds": (0.2,),
        "samples": tuple(Sample(at_seconds=1.0 + i, seconds=value) for i, value in enumerate(seconds)),
        "facts": {"blas": "openblas 0.3.30", "device_kind": "cpu", "threads": 8},
        "checks": (Check("freivalds", 1e-15, 1e-13, True),),
        "conditions": {},
        "log": "logs/x.log",
    }
    return Round(index=index, order=order, **{**fields, **changes})


def a_report(**changes: Any) -> Report:
    fields: dict[str, Any] = {
        "run_id": "0123456789abcdef0123456789abcdef",
        "mambench": "0.1.0",
        "created": "2026-11-21T10:00:00Z",
        "finished": None,
        "complete": False,
        "argv": ("run", "numpy-openblas"),
        "seed": 1,
        "settings": {"preset": "quick", "source": "auto", "rounds": 1},
        "machine": a_machine(),
    }
    return Report(**{**fields, **changes})


@functools.cache
def _validator() -> Any:
    schema = json.loads(resources.schema().read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def validated(report: Report) -> dict[str, Any]:
    """The report as another program reads it; fails unless it keeps the schema."""
    content = json.loads(report_json.dumps(report))
    _validator().validate(content)
    return dict(content)


def names(folder: Path) -> list[str]:
    """What lies in a folder."""
    return sorted(path.name for path in folder.iterdir())
