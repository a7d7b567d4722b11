"""A computer that measures does not fall asleep, and may when it has measured."""

from __future__ import annotations

import os
from types import TracebackType
from typing import Any

import pytest

from mambench.system import awake, process, windows


class Program:
    """A caffeinate that notes what happens to it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __enter__(self) -> Program:
        return self

    def __exit__(self, kind: type[BaseException] | None, _error: object, _trace: TracebackType | None) -> None:
        self.seen.append("waited for")

    def terminate(self) -> None:
        self.seen.append("ended")


def measured(system: str, seen: list[Any]) -> None:
    with awake.kept_awake({}, system=system):
        seen.append("measured")
        raise KeyboardInterrupt


def test_windows_stays_awake_while_it_measures(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(windows, "stay_awake", lambda *, wanted: seen.append(wanted))
    with pytest.raises(KeyboardInterrupt):
        measured("win32", seen)
    assert seen == [True, "measured", False]


def test_macos_has_a_caffeinate_that_ends_with_us_and_with_the_measurement(monkeypatch: pytest.MonkeyPatch) -> None:
    program, commands = Program(), []

    def start(command: list[str], **_environ: object) -> Program:
        commands.append(command)
        return program

    monkeypatch.setattr(process, "start_detached", start)
    with pytest.raises(KeyboardInterrupt):
        measured("darwin", program.seen)
    assert commands == [["/usr/bin/caffeinate", "-i", "-w", str(os.getpid())]]
    assert program.seen == ["measured", "ended", "waited for"]


def test_a_macos_without_caffeinate_measures_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_words: object, **_environ: object) -> None:
        raise process.StartError(2, "No such file or directory")

    seen: list[Any] = []
    monkeypatch.setattr(process, "start_detached", refuse)
    with pytest.raises(KeyboardInterrupt):
        measured("darwin", seen)
    assert seen == ["measured"]


def test_linux_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "start", None)
    with pytest.raises(KeyboardInterrupt):
        measured("linux", [])
