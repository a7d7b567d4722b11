"""One measurement at a time: who has the mutex is told, and another home's worker is recognised."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mambench.system import mutex
from mambench.system.home import Home


class Refused(Exception):
    pass


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return Home(tmp_path)


def refuse(who: str) -> None:
    raise Refused(who)


def test_who_has_it_is_told_and_may_be_refused(place: Home) -> None:
    second = mutex.held(place, "other", on_wait=refuse)
    with mutex.held(place, "mambench run x", on_wait=refuse), pytest.raises(Refused) as caught, second:
        pytest.fail("two had it")
    assert f"`mambench run x` (pid {os.getpid()}" in str(caught.value)


def test_it_is_free_again_afterwards_and_after_an_error(place: Home) -> None:
    for _ in range(2):
        with pytest.raises(Refused), mutex.held(place, "x", on_wait=lambda who: pytest.fail(who)):
            raise Refused
    assert not (place.mutexes / "measuring.json").exists()


def test_one_waits_until_the_other_has_ended(place: Home) -> None:
    order: list[str] = []

    def second() -> None:
        with mutex.held(place, "second", on_wait=order.append):
            order.append("second")

    with mutex.held(place, "first", on_wait=refuse):
        thread = threading.Thread(target=second)
        thread.start()
        while not order:
            time.sleep(0.01)
        order.append("first")
    thread.join(10)
    assert order[1:] == ["first", "second"]
    assert "`first`" in order[0]


def test_what_a_killed_run_noted_names_nobody(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutex, "_HOLDER_SECONDS", 0.01)
    with place.mutex(mutex.NAME):
        note = place.mutexes / "measuring.json"
        note.write_text(json.dumps({"pid": 2**30, "command": "gone", "since": "10:00:00 UTC"}))
        with pytest.raises(Refused, match="^another mambench$"), mutex.held(place, "x", on_wait=refuse):
            pass


@pytest.mark.parametrize(
    ("command", "home"),
    [
        (["/h/envs/x/bin/python", "-I", "-X", "utf8", "-u", "/h/code/worker-0123456789ab/worker.py"], "/h"),
        (["python", "/My bénch/code/worker-0123456789ab/worker.py"], "/My bénch"),
        (["python", "/h/code/worker/worker.py"], None),
        (["python", "/h/other/worker-0123456789ab/worker.py"], None),
        (["vim", "worker.py"], None),
        ([], None),
    ],
)
def test_a_worker_is_known_by_its_command_line(command: list[str], home: str | None) -> None:
    assert mutex.home_of_worker(command) == (None if home is None else Path(home))


class Other:
    """A process as psutil shows it."""

    def __init__(self, home: Path, cores: list[int]) -> None:
        self._words = ["python", str(home / "code" / "worker-0123456789ab" / "worker.py")]
        self._cores = cores

    def cmdline(self) -> list[str]:
        return self._words

    def cpu_affinity(self) -> list[int]:
        return self._cores

    def username(self) -> str:
        return "ada"

    def ppid(self) -> int:
        return 4242


@pytest.mark.parametrize(("folder", "cores", "seen"), [("b", [0, 1], True), ("a", [0, 1], False), ("b", [7], False)])
def test_a_worker_of_another_home_on_our_cores_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, cores: list[int], seen: bool
) -> None:
    other = Other(tmp_path / folder, cores)
    monkeypatch.setattr(mutex.psutil, "process_iter", lambda: iter([other]))
    monkeypatch.setattr(mutex.psutil, "Process", lambda: Other(tmp_path, [0, 1]))
    who = mutex.measuring_elsewhere(Home(tmp_path / "a"))
    assert (who is not None) is seen
    if who is not None:
        assert "ada" in who
        assert str(tmp_path / "b") in who
        assert "4242" in who


def test_between_two_trials_of_another_run_it_goes_on_waiting(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def looks() -> Iterator[str | None]:
        yield from ["bob", "bob", None, "bob"]
        while True:
            yield None

    seen = looks()
    monkeypatch.setattr(mutex, "measuring_elsewhere", lambda _place: next(seen))
    said: list[str] = []
    slept: list[float] = []
    mutex.wait_for_other_homes(place, said.append, sleep=slept.append)
    assert said == ["bob"]
    assert sum(slept) == 3 * mutex.LOOK_SECONDS + mutex.QUIET_SECONDS


def test_nobody_is_waited_for_where_nobody_measures(place: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutex, "measuring_elsewhere", lambda _place: None)
    mutex.wait_for_other_homes(place, refuse, sleep=lambda _seconds: pytest.fail("it waited"))
