"""The worker, tried: a toy kernel in the best python that is here."""

from __future__ import annotations

import re
import shutil
import sys
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from mambench.analysis.results import summarise
from mambench.app.context import Mambench
from mambench.app.findings import State
from mambench.app.installed import ready_stacks
from mambench.catalogue.benchmarks import load_benchmark
from mambench.catalogue.sizes import size_of
from mambench.environments import prefix
from mambench.environments.existing import ExistingSource
from mambench.errors import MambenchError
from mambench.model import (
    CPU,
    SEED,
    BenchmarkSpec,
    DeviceKind,
    Environment,
    EnvironmentSpec,
    Limits,
    Result,
    Round,
    Trial,
)
from mambench.system import resources

LIMITS = Limits(warmups=1, min_runs=3, max_runs=3, max_seconds=5.0, target_spread=None, loops=1)
ROUNDS = 3
WORKER_SECONDS = 120.0
OLDEST_PYTHON = (3, 9)


def try_worker(app: Mambench, results: list[Result]) -> tuple[State, str]:
    """The toy kernel in the best python that is here; the check needs one with numpy."""
    best = _best_python(app)
    if best is None:
        return "note", "no python 3.9 or later is here, so it was not tried: environments bring their own"
    environment, has_numpy = best
    size = size_of(_benchmark(), {}, "float64")
    trial = Trial("selftest", environment.key, "toy", CPU, "float64", size, threads=1)
    rounds = _rounds(app, trial, environment, count=ROUNDS if has_numpy else 1)
    if not has_numpy:
        return _without_numpy(environment, rounds[0])
    result = replace(summarise(trial, rounds), warnings=())
    results.append(result)
    if result.status != "ok" or not result.verified:
        return "wrong", result.failure.message if result.failure else "the result was not verified"
    return "ok", f"measured and verified a result in {environment.python} ({environment.version})"


def _rounds(app: Mambench, trial: Trial, environment: Environment, *, count: int) -> list[Round]:
    runner = app.runner(run_id=f"selftest-{uuid.uuid4().hex[:8]}", seed=SEED)
    return [
        runner.measure(
            trial,
            environment,
            benchmark=_benchmark(),
            limits=LIMITS,
            timeout_seconds=WORKER_SECONDS,
            index=index,
            order=index,
            on_event=lambda _event: None,
        )
        for index in range(count)
    ]


def _without_numpy(environment: Environment, round_: Round) -> tuple[State, str]:
    """Without numpy a worker starts, loads the kernel and says that it cannot check: just that must happen."""
    said = round_.failure.message if round_.failure is not None else ""
    if "numpy" not in said:
        return "wrong", said or "a result was accepted without a check"
    return "note", f"it starts in {environment.python} and answers; nothing was measured, as no python here has numpy"


def _benchmark() -> BenchmarkSpec:
    return load_benchmark(resources.selftest() / "toy" / "benchmark.toml")


def _best_python(app: Mambench) -> tuple[Environment, bool] | None:
    """The first python with numpy, else the first at all; ready environments come before what is on PATH."""
    first: Environment | None = None
    existing = ExistingSource(app.home, environ=app.environ)
    for python in _pythons(app):
        try:
            answer = existing.ask(python, {"numpy": "numpy"})
        except MambenchError:
            continue
        if tuple(int(part) for part in re.findall(r"\d+", answer.version)[:2]) < OLDEST_PYTHON:
            continue
        spec = EnvironmentSpec(
            "existing:selftest", str(python), "toy", (DeviceKind.CPU,), (), True, "existing", python=answer.executable
        )
        environment = Environment(spec, "existing", answer.executable, None, answer.version)
        if answer.frameworks:
            return environment, True
        first = first or environment
    return (first, False) if first is not None else None


def _pythons(app: Mambench) -> Iterator[Path]:
    """Ours where we run on one, those of ready environments, those on PATH."""
    if not resources.is_frozen():
        yield Path(sys.executable)
    for entry in prefix.existing(app.home):
        spec = app.catalogue.environments.get(entry.name) if entry.marker is not None else None
        if spec is not None and (environment := ready_stacks(app, [spec]).get(spec.name)) is not None:
            yield environment.python
    for name in ("python3", "python"):
        if path := shutil.which(name, path=app.environ.get("PATH")):
            yield Path(path)
