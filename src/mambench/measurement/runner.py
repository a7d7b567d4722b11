"""One Trial in one Environment -> one round of it: a fresh worker process, followed to its end."""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mambench.environments import activation
from mambench.errors import ProtocolError
from mambench.machine.nvml import opened_driver
from mambench.measurement import protocol
from mambench.measurement.conditions import Conditions
from mambench.model import (
    BenchmarkSpec,
    Check,
    Environment,
    Failure,
    Limits,
    Measured,
    OnEvent,
    Reason,
    Round,
    RowWarning,
    Sample,
    Trial,
    WarningKind,
)
from mambench.system import process
from mambench.system.home import Home

UNAVAILABLE = {Reason.DTYPE, Reason.NO_DEVICE, Reason.TOO_SLOW, Reason.MEMORY}
"""What a worker may say that makes a row unavailable and not failed."""

LINGER_SECONDS = 10.0
"""A worker that has said its last word and does not end is ended."""

PROGRESS_SECONDS = 0.25
"""Between events that say how far a worker has come, however many lines it writes."""

LOOK_SECONDS = 1.0
"""Between readings of clocks and temperatures: those of a machine whose worker has ended tell nothing."""

_EVENTS_AFTER_EXIT = 100_000


@dataclass
class _Heard:
    """What a worker has said so far."""

    started: protocol.Started | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warmups: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    warnings: list[RowWarning] = field(default_factory=list)
    predicted_seconds: float | None = None
    failure: Failure | None = None
    last_words: str = ""
    """The traceback, or the message of a failure without one."""
    ended_at: float | None = None


class Runner:
    """Starts workers; everything that a round needs beside its trial."""

    def __init__(
        self,
        place: Home,
        *,
        platform: str,
        environ: Mapping[str, str],
        worker: Path,
        run_id: str,
        seed: int,
        start: Callable[..., process.Child] = process.Child,
    ) -> None:
        self._home, self._platform, self._environ = place, platform, environ
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
        driver = opened_driver() if trial.device.startswith("cuda") else None
        kernel = self._copied(benchmark, environment)
        conditions = Conditions(device=trial.device, driver=driver)
        conditions.start()
        cpu_before = os.times()
        heard = _Heard()
        child = self._started(environment, trial, self._home.root / log, heard)
        if child is not None:
            try:
                child.send(protocol.request(trial, limits, kernel=kernel, seed=self._seed))
                follow = _Follower(trial, limits, timeout_seconds, heard, on_event)
                follow.to_the_end(child, look=conditions.sample)
                child.note(heard.last_words)
            finally:
                child.close()
        measured = conditions.finish(worker_cpu_seconds=_children_cpu_seconds(cpu_before))
        return Round(
            index=index,
            order=order,
            started=f"{started:%Y-%m-%dT%H:%M:%SZ}",
            warmup_seconds=tuple(heard.warmups),
            samples=tuple(heard.samples),
            facts=heard.facts,
            checks=tuple(heard.checks),
            conditions={**measured, **self._thread_variables(trial)},
            log=log.as_posix(),
            failure=_with_log(heard.failure, log, self._home),
            warnings=(*heard.warnings, *self._shaping_warnings(environment)),
        )

    def _started(self, environment: Environment, trial: Trial, log: Path, heard: _Heard) -> process.Child | None:
        """The worker at work, or None with the reason in `heard`: its python may be gone since the last round."""
        environ = self.child_environ(environment, threads=trial.threads)
        try:
            return self._start(self._command(environment), environ=environ, cwd=self._home.temporary, log=log)
        except OSError as error:
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

    def _command(self, environment: Environment) -> list[str]:
        isolation = ["-E", "-B"] if environment.prefix is None else ["-I"]
        return [str(environment.python), *isolation, "-X", "utf8", "-u", str(self._worker / "worker.py")]

    def _copied(self, benchmark: BenchmarkSpec, environment: Environment) -> Path:
        folder = self._kernels.get(benchmark.folder)
        if folder is None:
            folder = self._kernels[benchmark.folder] = self._home.copy_code(benchmark.folder)
        return folder / benchmark.kernels[environment.spec.kernel].file

    def _shaping_warnings(self, environment: Environment) -> Iterable[RowWarning]:
        if environment.prefix is None:
            for name in activation.SHAPING_VARIABLES:
                if self._environ.get(name):
                    yield RowWarning(WarningKind.SHAPING_VARIABLE, name)

    def _thread_variables(self, trial: Trial) -> dict[str, Any]:
        if trial.threads is not None:
            return {}
        found = {name: self._environ[name] for name in activation.THREAD_VARIABLES if name in self._environ}
        return {"thread_variables": found} if found else {}


class _Follower:
    """Follows one worker's events until its process ends."""

    def __init__(self, trial: Trial, limits: Limits, timeout_seconds: float, heard: _Heard, on_event: OnEvent) -> None:
        self._trial, self._limits, self._heard, self._on_event = trial, limits, heard, on_event
        self._timeout_seconds = timeout_seconds
        self._begin = time.monotonic()
        self._run_begin: float | None = None
        self._phase = "starting"

    def to_the_end(self, child: process.Child, *, look: Callable[[], None]) -> None:
        looked = said = self._begin
        while child.returncode is None:
            line = child.line(PROGRESS_SECONDS)
            if line is not None:
                self._take(line)
            now = time.monotonic()
            if now - said >= PROGRESS_SECONDS:
                said = now
                self._say_how_far()
            if now - looked >= LOOK_SECONDS:
                looked = now
                look()
            if self._heard.ended_at is not None and now - self._heard.ended_at > LINGER_SECONDS:
                break
            if self._heard.ended_at is None and now - self._begin > self._timeout_seconds:
                self._fail(
                    Reason.TIMED_OUT, f"it did not end within {self._timeout_seconds:g} s; try --timeout SECONDS"
                )
                return
        child.drain()
        for _ in range(_EVENTS_AFTER_EXIT):
            if (line := child.line(0)) is None:
                break
            self._take(line)
        if self._heard.ended_at is None:
            self._crashed(child.returncode)

    def _take(self, line: bytes) -> None:
        """Note what a line says; the first line that is out of place makes the round a failure of the protocol."""
        heard = self._heard
        if heard.failure is not None and heard.failure.reason == Reason.PROTOCOL:
            return
        try:
            event = protocol.parse(line)
            if heard.ended_at is not None:
                raise ProtocolError(f"something came after its last word: {line[:80]!r}")
            if heard.started is None and not isinstance(event, protocol.Started):
                raise ProtocolError(f"its first word is not `started`: {line[:80]!r}")
            self._note(event)
        except ProtocolError as error:
            self._fail(Reason.PROTOCOL, f"the worker broke the protocol: {error}")

    def _note(self, event: protocol.WorkerEvent) -> None:
        heard = self._heard
        match event:
            case protocol.Started():
                if heard.started is not None:
                    raise ProtocolError("it started twice")
                heard.started = event
            case protocol.Ready():
                heard.facts.update(event.facts)
                heard.facts["ready_seconds"] = event.seconds
                self._phase = "warmup" if self._limits.warmups else "run"
            case protocol.Sampled(phase="probe"):
                heard.predicted_seconds = event.predicted_seconds
            case protocol.Sampled(phase="warmup"):
                heard.warmups.append(event.sample.run_seconds)
                if len(heard.warmups) >= self._limits.warmups:
                    self._phase = "run"
            case protocol.Sampled():
                self._run_begin = self._run_begin or time.monotonic()
                self._phase = "run"
                heard.samples.append(event.sample)
            case protocol.Checked():
                self._phase = "check"
                heard.checks.append(event.check)
            case protocol.Warned():
                heard.warnings.append(RowWarning(WarningKind.WORKER, event.message))
            case protocol.Finished():
                heard.facts.update(event.facts)
                self._finish()
            case protocol.Failed():
                status = "unavailable" if event.reason in UNAVAILABLE else "failed"
                heard.failure = Failure(status, event.reason, event.message)  # type: ignore[arg-type]
                heard.last_words = event.traceback or f"{event.message}\n"
                heard.ended_at = time.monotonic()

    def _finish(self) -> None:
        heard = self._heard
        if not heard.samples or not heard.checks:
            raise ProtocolError("it finished without a sample or without a check")
        heard.ended_at = time.monotonic()
        wrong = [check for check in heard.checks if not check.ok]
        if wrong:
            self._fail(Reason.WRONG_RESULT, f"the product is wrong: check {wrong[0].name} failed")

    def _fail(self, reason: Reason, message: str) -> None:
        self._heard.failure = Failure("failed", reason, message)
        self._heard.ended_at = self._heard.ended_at or time.monotonic()

    def _crashed(self, returncode: int | None) -> None:
        words = process.describe_exit(returncode) if returncode is not None else "it did not end"
        hint = ""
        if returncode == -9:
            hint = " (out of memory? the kernel's log tells)"
        self._fail(Reason.CRASHED, f"the worker ended without a last word: {words}{hint}")

    def _say_how_far(self) -> None:
        samples = [sample.run_seconds for sample in self._heard.samples]
        elapsed = time.monotonic() - self._begin
        remaining = None
        if self._run_begin is not None and self._phase == "run":
            left = self._limits.max_seconds - (time.monotonic() - self._run_begin)
            by_count = (self._limits.max_runs - len(samples)) * statistics.median(samples)
            remaining = max(0.0, min(left, by_count))
        median = statistics.median(samples) if samples else None
        self._on_event(Measured(self._trial, self._phase, len(samples), elapsed, remaining, median))


def _with_log(failure: Failure | None, log: Path, place: Home) -> Failure | None:
    """The failure with the log's path, and the log's last line where the failure itself says little."""
    if failure is None:
        return None
    message = failure.message
    if failure.reason == Reason.CRASHED and (last := _last_line(place.root / log)):
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


def _children_cpu_seconds(before: os.times_result) -> float | None:
    """CPU time of the children that ended since `before`; Windows does not tell."""
    now = os.times()
    used = now.children_user + now.children_system - before.children_user - before.children_system
    return used if used > 0 else None
