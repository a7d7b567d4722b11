"""Signals become exceptions, the guard is told of groups, and what carries our mark is found. No process is started."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import psutil
import pytest

from mambench.errors import Interrupted
from mambench.system import supervision

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")


class Clock:
    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(supervision.time, "monotonic", made.monotonic)
    return made


# ------------------------------------------------------------------------------------------------ signals


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_is_an_exception_with_its_exit_code(name: str, code: int) -> None:
    with supervision._handlers():
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGINT))  # a test runner may have it ignored
        with pytest.raises(Interrupted) as caught:
            signal.raise_signal(getattr(signal, name))
    assert caught.value.exit_code == code


def test_one_key_press_that_arrives_twice_counts_once(clock: Clock) -> None:
    with supervision._handlers():
        with pytest.raises(Interrupted):
            signal.raise_signal(signal.SIGINT)
        clock.now += supervision.SECOND_INTERRUPT_SECONDS / 2
        signal.raise_signal(signal.SIGINT)


def test_a_second_key_press_counts(clock: Clock) -> None:
    with supervision._handlers():
        for _ in range(2):
            with pytest.raises(Interrupted):
                signal.raise_signal(signal.SIGINT)
            clock.now += supervision.SECOND_INTERRUPT_SECONDS


def test_the_handlers_from_before_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with supervision._handlers():
        assert signal.getsignal(signal.SIGTERM) is not before
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with supervision._handlers():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


# ---------------------------------------------------------------------------------------------- the guard


def groups_after(*messages: str, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    reading, writing = os.pipe()
    monkeypatch.setattr(supervision, "_guard_pipe", writing)
    for message in messages:
        supervision.tell_guard(message)
    os.close(writing)
    try:
        return supervision._groups_left(reading)
    finally:
        os.close(reading)


def test_the_guard_is_left_with_the_groups_that_are_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert groups_after("+10", "+11", "-10", "+12", monkeypatch=monkeypatch) == {11, 12}


def test_more_than_one_pipe_full_of_messages_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [f"+{number}" for number in range(10_000, 11_500)]
    assert groups_after(*told, monkeypatch=monkeypatch) == set(range(10_000, 11_500))


def test_without_a_guard_there_is_nobody_to_tell(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervision, "_guard_pipe", None)
    supervision.tell_guard("+10")


def test_a_guard_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(supervision, "_guard_pipe", writing)
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        supervision.tell_guard("+10")
    finally:
        signal.signal(signal.SIGPIPE, before)
        os.close(writing)


# ------------------------------------------------------------------------------------------------ the mark


class FakeProcess:
    def __init__(self, pid: int, mark: str | None, *, closed: bool = False) -> None:
        self.pid, self._mark, self._closed = pid, mark, closed
        self.killed = False

    def environ(self) -> dict[str, str]:
        if self._closed:
            raise psutil.AccessDenied(self.pid)
        return {} if self._mark is None else {supervision.MARK: self._mark}

    def kill(self) -> None:
        self.killed = True


def swept(mark: str, *processes: FakeProcess, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(psutil, "process_iter", lambda: iter([each for each in processes if not each.killed]))
    monkeypatch.setattr(supervision.time, "sleep", lambda _seconds: None)
    supervision.sweep_after(mark)
    return [each.pid for each in processes if each.killed]


def test_what_a_child_left_behind_is_killed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    mark, other = supervision.new_mark(), supervision.new_mark()
    found = swept(
        mark,
        FakeProcess(10, mark),
        FakeProcess(11, other),
        FakeProcess(12, None),
        FakeProcess(13, mark, closed=True),
        FakeProcess(os.getpid(), mark),
        monkeypatch=monkeypatch,
    )
    assert found == [10]


def test_what_starts_while_it_sweeps_is_found_by_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    mark = supervision.new_mark()
    late = FakeProcess(20, mark)
    looks: list[list[Any]] = [[FakeProcess(10, mark)], [late], []]
    monkeypatch.setattr(psutil, "process_iter", lambda: iter(looks.pop(0)))
    monkeypatch.setattr(supervision.time, "sleep", lambda _seconds: None)
    supervision.sweep_after(mark)
    assert late.killed


def test_no_mark_is_the_beginning_of_another() -> None:
    marks = [supervision.new_mark() for _ in range(20)]
    assert all(mark.startswith(supervision.TOKEN) for mark in marks)
    assert not any(a != b and b.startswith(a) for a in marks for b in marks)
