"""How far a worker has come is told on a clock; a fake child on a fake one."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any, cast

import pytest
from builders import LIMITS, a_trial

from mambench.measurement import follower
from mambench.model import Event, Measured
from mambench.system import clock


class Chatty:
    """A worker that writes a sample every so often and ends after some seconds; the clock is its own."""

    def __init__(self, seconds: float, *, every: float) -> None:
        self.now, self._until, self._every = 0.0, seconds, every
        self._lines = [
            {"event": "started", "protocol": 2, "pid": 1, "python": "3.12"},
            {"event": "ready", "seconds": 0.1, "facts": {}},
            {"event": "sample", "phase": "warmup", "seconds": 0.1},
        ]

    def monotonic(self) -> float:
        return self.now

    @property
    def returncode(self) -> int | None:
        return None if self.now < self._until else 1

    def line(self, timeout: float) -> bytes | None:
        if timeout < self._every:
            self.now += timeout
            return None
        self.now += self._every
        run = {"event": "sample", "phase": "run", "seconds": 0.1}
        return json.dumps(self._lines.pop(0) if self._lines else run).encode()

    def drain(self) -> None:
        pass


@pytest.mark.parametrize("every", [0.1, 0.01, 5.0])
def test_a_worker_that_never_falls_silent_is_told_of_as_often_as_one_that_does(
    monkeypatch: pytest.MonkeyPatch, every: float
) -> None:
    child, events = Chatty(10, every=every), list[Event]()
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=child.monotonic))
    following = follower.Follower(a_trial(), LIMITS, 60, follower.Heard(), events.append)
    following.to_the_end(cast(Any, child), looks=())
    told = [event for event in events if isinstance(event, Measured)]
    assert 30 <= len(told) <= 41
    if every < 1:
        assert told[-1].runs > 80 and told[-1].median_seconds == pytest.approx(0.1)


class Patient(Chatty):
    """A worker that is at work for three minutes, in the first of which the launcher is stopped for an hour."""

    stopped_seconds = 3600.0

    def line(self, timeout: float) -> bytes | None:
        self.now += self.stopped_seconds
        self.stopped_seconds = 0.0
        return super().line(timeout)

    @property
    def returncode(self) -> int | None:
        return None if self.now < self._until + 3600.0 else 1


@pytest.mark.parametrize(("timeout_seconds", "reason"), [(200, "crashed"), (100, "timed_out")])
def test_seconds_in_which_the_launcher_is_stopped_are_none_of_the_workers(
    monkeypatch: pytest.MonkeyPatch, timeout_seconds: float, reason: str
) -> None:
    child, heard = Patient(180, every=0.2), follower.Heard()
    monkeypatch.setattr(clock, "time", SimpleNamespace(monotonic=child.monotonic))
    following = follower.Follower(a_trial(), LIMITS, timeout_seconds, heard, lambda _event: None)
    following.to_the_end(cast(Any, child), looks=())
    assert heard.failure is not None and heard.failure.reason == reason
