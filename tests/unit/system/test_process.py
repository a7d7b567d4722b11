"""What cannot be started is told as that, and nothing else is. No process is started."""

from __future__ import annotations

import errno
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from mambench.system import mark, process, stillness
from mambench.system.capped_log import LOG_BYTES, CappedLog


def test_a_program_that_is_not_there_is_an_error_of_its_own(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    with pytest.raises(process.StartError) as caught:
        process.run([str(tmp_path / "none")], environ={}, log=log)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.filename == str(tmp_path / "none")
    assert str(caught.value.strerror) in log.read_text()


def test_what_a_callback_raises_is_no_error_of_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    closed: list[float] = []

    class FakeChild:
        returncode = None

        def __init__(self, *_arguments: Any, **_options: Any) -> None: ...
        def close_input(self) -> None: ...
        def line(self, _timeout_seconds: float) -> None: ...
        def close(self, *, grace_seconds: float) -> None:
            closed.append(grace_seconds)

    def on_tick() -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(process, "Child", FakeChild)
    monkeypatch.setattr(process, "_TICK_SECONDS", 0.0)
    with pytest.raises(OSError, match="No space left") as caught:
        process.run(["x"], environ={}, on_tick=on_tick, grace_seconds=2.0)
    assert not isinstance(caught.value, process.StartError)
    assert closed == [2.0]


@pytest.mark.parametrize("hands_on", [True, False])
def test_what_is_to_outlive_us_carries_no_mark_not_even_one_that_we_have(
    monkeypatch: pytest.MonkeyPatch, hands_on: bool
) -> None:
    given: dict[str, str] = {}

    def start(_command: Any, *, environ: dict[str, str], **_options: Any) -> None:
        given.update(environ)
        raise process.StartError(errno.ENOENT, "enough is seen", "x")

    monkeypatch.setattr(process, "start", start)
    with pytest.raises(process.StartError):
        process.run(["x"], environ={"A": "b", mark.NAME: "ours"}, hands_on=hands_on)
    handed_on = given.pop(mark.NAME, None)
    assert handed_on is not None and handed_on.startswith(mark.TOKEN) if hands_on else handed_on is None
    assert given == {"A": "b"}


def test_commands_are_shown_in_one_line_long_words_cut() -> None:
    assert process.shown(["a b", "c\nd", "x" * 1000]) == f"'a b' 'c d' {'x' * 300}..."


def test_an_error_without_words_keeps_what_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    def popen(*_arguments: Any, **_options: Any) -> None:
        raise OSError("no words")

    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(process.StartError) as caught:
        process.start(["x"], environ={})
    assert caught.value.strerror == "no words"


def test_a_log_stops_growing_and_says_so(tmp_path: Path) -> None:
    log = CappedLog(tmp_path / "logs" / "x.log")
    for _ in range(2):
        log.write(b"x" * (LOG_BYTES - 1))
    log.write(b"more")
    log.close()
    content = (tmp_path / "logs" / "x.log").read_bytes()
    assert content.startswith(b"x" * LOG_BYTES)
    assert content.endswith(b"[mambench: the log ends here, at 10 MB]\n")


class Watched:
    """A child that is looked at once a second; what it received and computed is told by the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = time.monotonic()
        self.received: int | None = 0
        self.computed = 0.0
        monkeypatch.setattr(stillness.ending, "cpu_seconds", lambda _pid: self.computed)
        self.stillness = stillness.Stillness(1, lambda: self.received)

    def passes(self, seconds: float, *, receiving: int = 0, computing: float = 0.0) -> bool:
        """Whether it is ended meanwhile."""
        for _ in range(int(seconds)):
            self.now += 1.01
            self.computed += computing
            if self.received is not None:
                self.received += receiving
            if self.stillness.look(self.now):
                return True
        return False


def test_a_child_to_which_nothing_comes_is_ended_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Watched(monkeypatch)
    assert not child.passes(300, receiving=1), "it was slow, and it moved"
    assert not child.passes(300, computing=0.2), "it computed"
    assert not child.passes(50)
    assert child.passes(8, computing=0.01), "looking whether something came is no work"
    assert child.stillness.too_long


def test_a_child_that_waits_for_nothing_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Watched(monkeypatch)
    child.received = None
    assert not child.passes(300)


@pytest.mark.parametrize(
    ("code", "killed"),
    [(0, ""), (2, ""), (-9, "killed by signal 9 (SIGKILL)"), (0xC0000005, "exit code 0xC0000005 (access violation)")],
)
def test_who_did_not_end_by_itself_was_killed(code: int, killed: str) -> None:
    told = process.Finished(code, "", "").killed
    assert told == killed or (os.name == "nt" and code == -9 and "killed by signal 9" in told)
