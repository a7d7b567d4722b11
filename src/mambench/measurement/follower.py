"""Follows one worker's events until its process ends."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from mambench.errors import ProtocolError
from mambench.measurement import protocol
from mambench.model import (
    Check,
    Clocks,
    Failure,
    Limits,
    Measured,
    OnEvent,
    Reason,
    RowWarning,
    Sample,
    Trial,
    WarningKind,
)
from mambench.system import ending, process
from mambench.system.clock import AwakeClock

UNAVAILABLE = {Reason.DTYPE, Reason.NO_DEVICE, Reason.TOO_SLOW, Reason.MEMORY}
"""What a worker may say that makes a row unavailable and not failed."""


LINGER_SECONDS = 10.0
"""A worker that has said its last word and does not end is ended."""


PROGRESS_SECONDS = 0.25
"""Between events that say how far a worker has come, however many lines it writes."""


LOOK_SECONDS = 1.0
"""Between readings of clocks and temperatures: those of a machine whose worker has ended tell nothing."""


LARGEST_TALK_BYTES = 100_000_000
"""Of all that a worker says in a round: a million samples. What is more would fill the memory, and no report."""


_EVENTS_AFTER_EXIT = 100_000


@dataclass
class Heard:
    """What a worker has said so far."""

    started: protocol.Started | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    warmups: list[float] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    warnings: list[RowWarning] = field(default_factory=list)
    failure: Failure | None = None
    last_words: str = ""
    """The traceback, or the message of a failure without one."""
    ended_at: float | None = None
    clocks: Clocks | None = None


class Follower:
    """Follows one worker's events until its process ends."""

    def __init__(self, trial: Trial, limits: Limits, timeout_seconds: float, heard: Heard, on_event: OnEvent) -> None:
        self._trial, self._limits, self._heard, self._on_event = trial, limits, heard, on_event
        self._timeout_seconds = timeout_seconds
        self._clock = AwakeClock()
        self._now = 0.0
        self._run_begin: float | None = None
        self._phase = "starting"
        self._left_bytes = LARGEST_TALK_BYTES
        self._ready: tuple[float, float] | None = None

    def to_the_end(self, child: process.Child, *, looks: Iterable[Callable[[], None]]) -> None:
        looked = said = 0.0
        while child.returncode is None:
            line = child.line(PROGRESS_SECONDS)
            if line is not None:
                self._take(line)
            self._now = now = self._clock.seconds()
            if now - said >= PROGRESS_SECONDS:
                said = now
                self._say_how_far()
            if now - looked >= LOOK_SECONDS:
                looked = now
                for look in looks:
                    look()
            if self._heard.ended_at is not None and now - self._heard.ended_at > LINGER_SECONDS:
                break
            if self._heard.ended_at is None and now > self._timeout_seconds:
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
        self._now = self._clock.seconds()
        self._left_bytes -= len(line)
        try:
            if self._left_bytes < 0:
                raise ProtocolError(f"it said more than {LARGEST_TALK_BYTES / 1e6:g} MB")
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
                if event.at_seconds is not None:
                    self._ready = event.at_seconds, self._now
                self._phase = "warmup" if self._limits.warmups else "run"
            case protocol.Sampled(phase="probe"):
                pass  # the worker acts on it itself
            case protocol.Sampled(phase="warmup"):
                heard.warmups.append(event.sample.run_seconds)
                if len(heard.warmups) >= self._limits.warmups:
                    self._phase = "run"
            case protocol.Sampled():
                self._run_begin = self._run_begin or self._now
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
                heard.clocks = self._clocks(event)
            case protocol.Failed():
                status = "unavailable" if event.reason in UNAVAILABLE else "failed"
                heard.failure = Failure(status, event.reason, event.message)  # type: ignore[arg-type]
                heard.last_words = event.traceback or f"{event.message}\n"
                heard.ended_at = self._now

    def _clocks(self, event: protocol.Finished) -> Clocks | None:
        """What the worker's clocks say, beside the launcher's own."""
        if self._ready is None or event.run_seconds is None or event.cpu_seconds is None or event.at_seconds is None:
            return None
        at_seconds, ready = self._ready
        return Clocks(
            run_seconds=event.run_seconds,
            cpu_seconds=event.cpu_seconds,
            worker_seconds=max(0.0, event.at_seconds - at_seconds),
            launcher_seconds=self._now - ready,
        )

    def _finish(self) -> None:
        heard = self._heard
        if not heard.samples or not heard.checks:
            raise ProtocolError("it finished without a sample or without a check")
        heard.ended_at = self._now

    def _fail(self, reason: Reason, message: str) -> None:
        self._heard.failure = Failure("failed", reason, message)
        self._heard.ended_at = self._heard.ended_at or self._now

    def _crashed(self, returncode: int | None) -> None:
        words = ending.describe_exit(returncode) if returncode is not None else "it did not end"
        hint = "; if it was short of memory, `dmesg` says so" if returncode == -9 else ""
        self._fail(Reason.CRASHED, f"the worker ended without a last word: {words}{hint}")

    def _say_how_far(self) -> None:
        samples = [sample.run_seconds for sample in self._heard.samples]
        remaining = None
        if self._run_begin is not None and self._phase == "run":
            left = self._limits.max_seconds - (self._now - self._run_begin)
            by_count = (self._limits.max_runs - len(samples)) * statistics.median(samples)
            remaining = max(0.0, min(left, by_count))
        median = statistics.median(samples) if samples else None
        self._on_event(Measured(self._trial, self._phase, len(samples), self._now, remaining, median))
