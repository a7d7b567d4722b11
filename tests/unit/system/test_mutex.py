"""One at a time: who has the mutex is told, and a note that a killed process left names nobody."""

from __future__ import annotations

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from mambench.errors import HomeError
from mambench.system import mutex
from mambench.system.home import Home


class Refused(Exception):
    pass


def refuse(who: str) -> None:
    raise Refused(who)


def test_who_has_it_is_told_and_may_be_refused(home: Home) -> None:
    second = mutex.held(home, "x", "other", refuse)
    with mutex.held(home, "x", "`mambench run x`", refuse), pytest.raises(Refused) as caught, second:
        pytest.fail("two had it")
    assert str(caught.value).startswith(f"`mambench run x` (pid {os.getpid()}, since ")


def test_it_is_free_again_afterwards_and_after_an_error(home: Home) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="no"), mutex.held(home, "x", "first", refuse):
            raise ValueError("no")
    assert not list(home.mutexes.glob("*.json"))


def test_mutexes_of_other_names_do_not_wait(home: Home) -> None:
    with mutex.held(home, "x", "first", refuse), mutex.held(home, "y", "second", refuse):
        pass


def test_a_mutex_that_cannot_be_made_is_an_error_of_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.mutexes.write_text("in the way")
    with pytest.raises(HomeError, match="cannot lock"), mutex.held(home, "x", "first"):
        pass


def test_what_is_raised_while_waiting_is_no_error_of_the_home(home: Home) -> None:
    def screen(_who: str) -> None:
        raise OSError("no screen")

    with mutex.held(home, "x", "first"), pytest.raises(OSError, match="no screen"), mutex.held(home, "x", "y", screen):
        pass


def test_who_waits_is_told_again_and_again(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutex, "_ASK_AGAIN_SECONDS", 0.05)
    told: list[str] = []

    def tell(who: str) -> None:
        told.append(who)
        if len(told) == 3:
            raise Refused(who)

    with mutex.held(home, "x", "first"), pytest.raises(Refused), mutex.held(home, "x", "second", tell):
        pytest.fail("two had it")
    assert len(set(told)) == 1


def test_one_waits_until_the_other_has_ended(home: Home) -> None:
    order: list[str] = []

    def second() -> None:
        with mutex.held(home, "x", "second", order.append):
            order.append("second")

    with mutex.held(home, "x", "first", refuse):
        thread = threading.Thread(target=second)
        thread.start()
        while not order:
            time.sleep(0.01)
        order.append("first")
    thread.join(10)
    assert order[1:] == ["first", "second"]
    assert order[0].startswith("first (pid ")


@pytest.mark.parametrize(
    "left",
    [
        {"pid": 2**30, "started": 1.0},
        {"pid": os.getpid(), "started": psutil.Process().create_time() - 3600},
        {"pid": os.getpid()},
        {},
        [],
    ],
    ids=["gone", "its number is another's by now", "no start", "empty", "no object"],
)
def test_what_a_killed_process_noted_names_nobody(home: Home, monkeypatch: pytest.MonkeyPatch, left: Any) -> None:
    monkeypatch.setattr(mutex, "_HOLDER_SECONDS", 0.01)
    with mutex.held(home, "x", "first"):
        note = {"who": "gone", "since": "10:00:00 UTC", **left} if isinstance(left, dict) else left
        (home.mutexes / "x.json").write_text(json.dumps(note))
        with pytest.raises(Refused, match="^another mambench$"), mutex.held(home, "x", "second", refuse):
            pass
