"""What carries our mark is found and killed. No process is started."""

from __future__ import annotations

import os
import sys
from typing import Any

import psutil
import pytest

from mambench.system import mark

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX")


class FakeProcess:
    def __init__(self, pid: int, value: str | None, *, closed: bool = False, limit: int = -1) -> None:
        self.pid, self._mark, self._closed, self._limit = pid, value, closed, limit
        self.killed = False

    def rlimit(self, _resource: int) -> tuple[int, int]:
        return self._limit, -1

    def environ(self) -> dict[str, str]:
        if self._closed:
            raise psutil.AccessDenied(self.pid)
        return {} if self._mark is None else {mark.NAME: self._mark}

    def kill(self) -> None:
        self.killed = True


def swept(value: str, *processes: FakeProcess, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    monkeypatch.setattr(psutil, "process_iter", lambda: iter([each for each in processes if not each.killed]))
    monkeypatch.setattr(mark.time, "sleep", lambda _seconds: None)
    mark.sweep_after(value)
    return [each.pid for each in processes if each.killed]


def test_what_a_child_left_behind_is_killed_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    value, other = mark.new(), mark.new()
    killed = swept(
        value,
        FakeProcess(10, value),
        FakeProcess(11, other),
        FakeProcess(12, None),
        FakeProcess(13, value, closed=True),
        FakeProcess(os.getpid(), value),
        monkeypatch=monkeypatch,
    )
    assert killed == [10]


def test_what_starts_while_it_sweeps_is_found_by_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    value = mark.new()
    late = FakeProcess(20, value)
    looks: list[list[Any]] = [[FakeProcess(10, value)], [late], []]
    monkeypatch.setattr(psutil, "process_iter", lambda: iter(looks.pop(0)))
    monkeypatch.setattr(mark.time, "sleep", lambda _seconds: None)
    mark.sweep_after(value)
    assert late.killed


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of Linux")
def test_what_cleared_its_environment_is_found_by_its_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    value, other = mark.new(), mark.new()
    limits = {10: mark._limit_of(value), 11: mark._limit_of(other), 12: 200_000, 13: 2**61}
    processes = [FakeProcess(pid, None, limit=limit) for pid, limit in limits.items()]
    hidden = FakeProcess(14, None, closed=True, limit=mark._limit_of(value))
    assert swept(value, *processes, hidden, monkeypatch=monkeypatch) == [10, 14]


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of Linux")
def test_the_limit_is_worn_for_one_start_only() -> None:
    import resource

    def limit() -> int:
        return resource.getrlimit(resource.RLIMIT_RTTIME)[0]

    before, value = limit(), mark.new()
    with pytest.raises(RuntimeError), mark.worn(value):
        assert mark._value_of(limit()) == value
        raise RuntimeError("it could not be started")
    assert limit() == before
    with mark.worn(None):
        assert limit() == before


def test_no_mark_is_the_beginning_of_another() -> None:
    marks = [mark.new() for _ in range(20)]
    assert all(value.startswith(mark.TOKEN) for value in marks)
    assert not any(a != b and b.startswith(a) for a in marks for b in marks)
