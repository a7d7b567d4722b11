"""The guard is told of children. No process is started."""

from __future__ import annotations

import os
import signal
import sys

import pytest

from mambench.system import guard

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX")


@pytest.fixture(autouse=True)
def no_children(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "_children", set())
    monkeypatch.setattr(guard, "_pipe", None)


def left_after(*messages: str, monkeypatch: pytest.MonkeyPatch) -> set[int]:
    reading, writing = os.pipe()
    monkeypatch.setattr(guard, "_pipe", writing)
    for message in messages:
        guard.tell(message)
    os.close(writing)
    try:
        return guard._left(reading, set())
    finally:
        os.close(reading)


def test_the_guard_is_left_with_the_children_that_are_still_there(monkeypatch: pytest.MonkeyPatch) -> None:
    assert left_after("+10", "+11", "-10", "+12", monkeypatch=monkeypatch) == {11, 12}


def test_more_than_one_pipe_full_of_messages_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    told = [f"+{number}" for number in range(10_000, 11_500)]
    assert left_after(*told, monkeypatch=monkeypatch) == set(range(10_000, 11_500))


def test_a_guard_that_follows_another_knows_what_that_one_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    left_after("+10", "+11", "-10", monkeypatch=monkeypatch)
    assert guard._children == {11}


def test_without_a_guard_there_is_nobody_to_tell() -> None:
    guard.tell("+10")


def test_a_guard_that_is_gone_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    monkeypatch.setattr(guard, "_pipe", writing)
    before = signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    try:
        guard.tell("+10")
    finally:
        signal.signal(signal.SIGPIPE, before)
        os.close(writing)
