"""Another home's worker is recognised by its command line and waited for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mambench.system import other_homes
from mambench.system.home import Home


class Refused(Exception):
    pass


def refuse(who: str) -> None:
    raise Refused(who)


@pytest.mark.parametrize(
    ("command", "root"),
    [
        (["/h/envs/x/bin/python", "-I", "-X", "utf8", "-u", "/h/code/worker-0123456789ab/worker.py"], "/h"),
        (["python", "/My bénch/code/worker-0123456789ab/worker.py"], "/My bénch"),
        (["python", "/h/code/worker/worker.py"], None),
        (["python", "/h/other/worker-0123456789ab/worker.py"], None),
        (["vim", "worker.py"], None),
        ([], None),
    ],
)
def test_a_worker_is_known_by_its_command_line(command: list[str], root: str | None) -> None:
    assert other_homes.home_of_worker(command) == (None if root is None else Path(root))


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
    monkeypatch.setattr(other_homes.psutil, "process_iter", lambda: iter([other]))
    monkeypatch.setattr(other_homes.psutil, "Process", lambda: Other(tmp_path, [0, 1]))
    who = other_homes.measuring_elsewhere(Home(tmp_path / "a"))
    assert (who is not None) is seen
    if who is not None:
        assert "ada" in who
        assert str(tmp_path / "b") in who
        assert "4242" in who


def test_between_two_trials_of_another_run_it_goes_on_waiting(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def looks() -> Iterator[str | None]:
        yield from ["bob", "bob", None, "bob"]
        while True:
            yield None

    seen = looks()
    monkeypatch.setattr(other_homes, "measuring_elsewhere", lambda _home: next(seen))
    said: list[str] = []
    slept: list[float] = []
    other_homes.wait(home, said.append, sleep=slept.append)
    assert said == ["bob"]
    assert sum(slept) == 3 * other_homes.LOOK_SECONDS + other_homes.QUIET_SECONDS


def test_nobody_is_waited_for_where_nobody_measures(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(other_homes, "measuring_elsewhere", lambda _home: None)
    other_homes.wait(home, refuse, sleep=lambda _seconds: pytest.fail("it waited"))
