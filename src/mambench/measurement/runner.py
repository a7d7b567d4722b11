"""One Trial in one Environment -> one round of it: a fresh worker process, followed to its end."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mambench.analysis.rounds import failure_of
from mambench.environments import activation
from mambench.machine.nvml import opened_driver
from mambench.measurement import protocol
from mambench.measurement.conditions import Conditions
from mambench.measurement.follower import Follower, Heard
from mambench.measurement.neighbours import Neighbours, endless
from mambench.model import (
    BenchmarkSpec,
    DeviceKind,
    Environment,
    Failure,
    Limits,
    OnEvent,
    Reason,
    Round,
    RowWarning,
    Sample,
    Trial,
    WarningKind,
)
from mambench.system import code, process
from mambench.system.home import Home

LOADING_SECONDS = 300.0
"""A framework loads and compiles in far less."""


class Runner:
    """Starts workers; everything that a round needs beside its trial."""

    def __init__(
        self,
        home: Home,
        *,
        platform: str,
        environ: Mapping[str, str],
        worker: Path,
        run_id: str,
        seed: int,
        start: Callable[..., process.Child] = process.Child,
    ) -> None:
        self._home, self._platform, self._environ = home, platform, environ
        self._worker, self._run_id, self._seed = worker, run_id, seed
        self._start = start
        self._kernels: dict[Path, Path] = {}

    def measure(
        self,
        trial: Trial,
        environment: Environment,
        *,
        benchmark: BenchmarkSpec,
        limits: Limits,
        timeout_seconds: float,
        index: int,
        order: int,
        on_event: OnEvent,
    ) -> Round:
        """Run one worker to its end; whatever happens is in the round. Raises Interrupted, HomeError."""
        name = f"{order:04d}-{trial.key.replace('/', '_').replace(':', '-')}-r{index}.log"
        log = Path("logs") / self._run_id / name
        started = datetime.now(UTC)
        driver = opened_driver() if trial.device.kind == DeviceKind.CUDA else None
        kernel = self._copied(benchmark, environment)
        conditions = Conditions(device=trial.device, driver=driver)
        heard = Heard()
        with self._neighbours(trial, environment, limits, kernel) as neighbours:
            conditions.start()
            cpu_before = os.times()
            child = None if neighbours.problem else self._started(environment, trial, self._home.root / log, heard)
            if child is not None:
                try:
                    child.send(self._request(trial, limits, kernel, environment))
                    follow = Follower(trial, limits, timeout_seconds, heard, on_event)
                    follow.to_the_end(child, looks=(conditions.sample, neighbours.look))
                    child.note(heard.last_words)
                finally:
                    child.close()
            neighbours.look()
        if neighbours.problem:
            heard.failure = Failure("failed", Reason.RAISED, neighbours.problem)
        measured = conditions.finish(worker_cpu_seconds=_children_cpu_seconds(cpu_before), runs=_span(heard.samples))
        ended = Round(
            index=index,
            order=order,
            started=f"{started:%Y-%m-%dT%H:%M:%SZ}",
            warmup_seconds=tuple(heard.warmups),
            samples=tuple(heard.samples),
            facts=heard.facts,
            checks=tuple(heard.checks),
            clocks=heard.clocks,
            conditions={**measured, **self._thread_variables(trial)},
            log=log.as_posix(),
            failure=_with_log(heard.failure, log, self._home),
            warnings=(*heard.warnings, *self._shaping_warnings(environment)),
        )
        return replace(ended, failure=failure_of(ended))

    @contextlib.contextmanager
    def _neighbours(self, trial: Trial, environment: Environment, limits: Limits, kernel: Path) -> Iterator[Neighbours]:
        """The other devices at work on the same product, from before the first sample until after the last."""
        environ = self.child_environ(environment, threads=trial.threads)
        with contextlib.closing(Neighbours()) as neighbours:
            for device in trial.beside:
                try:
                    child = self._start(self._command(environment), environ=environ, cwd=self._home.temporary)
                except process.StartError as error:
                    neighbours.problem = f"the worker on {device} could not be started: {error.strerror or error}"
                    break
                neighbours.add(device, child)
                other = replace(trial, device=device, beside=())
                child.send(self._request(other, endless(limits), kernel, environment))
            neighbours.wait(LOADING_SECONDS)
            yield neighbours

    def _started(self, environment: Environment, trial: Trial, log: Path, heard: Heard) -> process.Child | None:
        """The worker at work, or None with the reason in `heard`: its python may be gone since the last round."""
        environ = self.child_environ(environment, threads=trial.threads)
        try:
            return self._start(self._command(environment), environ=environ, cwd=self._home.temporary, log=log)
        except process.StartError as error:
            fact = f"{error.strerror or error}: {error.filename or environment.python}"
            remedy = "see that it is still there and that nothing removes or updates it during a run"
            heard.failure = Failure("failed", Reason.CRASHED, f"its python could not be started ({fact}); {remedy}")
            return None

    def child_environ(self, environment: Environment, *, threads: int | None) -> dict[str, str]:
        """The variables of a worker in this environment."""
        if environment.prefix is None:
            child = activation.inherited(self._environ, private=self._home.private, temporary=self._home.temporary)
        else:
            child = activation.activated(
                self._platform,
                self._environ,
                prefix=environment.prefix,
                private=self._home.private,
                temporary=self._home.temporary,
                variables=environment.variables,
            )
        if threads is not None:
            child = {name: value for name, value in child.items() if name not in activation.THREAD_VARIABLES}
        return child | activation.CUDA_ORDER

    def _request(self, trial: Trial, limits: Limits, kernel: Path, environment: Environment) -> bytes:
        settings = environment.spec.settings
        return protocol.request(trial, limits, kernel=kernel, seed=self._seed, settings=settings)

    def _command(self, environment: Environment) -> list[str]:
        isolation = ["-E", "-B"] if environment.prefix is None else ["-I"]
        return [str(environment.python), *isolation, "-X", "utf8", "-u", str(self._worker / "worker.py")]

    def _copied(self, benchmark: BenchmarkSpec, environment: Environment) -> Path:
        folder = self._kernels.get(benchmark.folder)
        if folder is None:
            folder = self._kernels[benchmark.folder] = code.copied(self._home, benchmark.folder)
        return folder / benchmark.kernels[environment.spec.kernel].file

    def _shaping_warnings(self, environment: Environment) -> Iterable[RowWarning]:
        if environment.prefix is None:
            for name in activation.SHAPING_VARIABLES:
                if self._environ.get(name):
                    yield RowWarning(WarningKind.SHAPING_VARIABLE, name)

    def _thread_variables(self, trial: Trial) -> dict[str, Any]:
        if trial.threads is not None:
            return {}
        variables = {name: self._environ[name] for name in activation.THREAD_VARIABLES if name in self._environ}
        return {"thread_variables": variables} if variables else {}


def _with_log(failure: Failure | None, log: Path, home: Home) -> Failure | None:
    """The failure with the log's path, and the log's last line where the failure itself says little."""
    if failure is None:
        return None
    message = failure.message
    if failure.reason == Reason.CRASHED and (last := _last_line(home.root / log)):
        message = f"{message}; the log ends: {last}"
    return replace(failure, message=message, log=log.as_posix())


def _last_line(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            stream.seek(max(0, os.fstat(stream.fileno()).st_size - 4096))
            lines = stream.read().decode(errors="replace").split("\n")
    except OSError:
        return ""
    return next((line.strip()[:160] for line in reversed(lines) if line.strip()), "")


def _span(samples: Sequence[Sample]) -> tuple[float, float] | None:
    """When the timed runs began and ended, in seconds from the worker's start."""
    return (samples[0].at_seconds - samples[0].seconds, samples[-1].at_seconds) if samples else None


def _children_cpu_seconds(before: os.times_result) -> float | None:
    """CPU time of the children that ended since `before`; Windows does not tell."""
    now = os.times()
    used = now.children_user + now.children_system - before.children_user - before.children_system
    return used if used > 0 else None
