"""Signals become exceptions."""

from __future__ import annotations

import os
import signal
import sys
import time

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


def test_nothing_is_made_that_all_may_change_and_a_person_s_own_umask_is_kept() -> None:
    before = os.umask(0o020)
    try:
        with supervision.careful_umask():
            assert os.umask(0o022) == 0o022
            assert supervision.persons_umask() == 0o020
        assert os.umask(0o020) == 0o020
    finally:
        os.umask(before)
    assert supervision.persons_umask() == -1


def test_a_signal_that_python_drops_in_a_callback_counts_all_the_same() -> None:
    class Dying:
        def __del__(self) -> None:
            signal.raise_signal(signal.SIGTERM)

    with supervision._handlers(), pytest.raises(Interrupted) as caught:
        dying = Dying()
        del dying
        time.sleep(30)
    assert caught.value.signum == signal.SIGTERM


def test_what_else_is_raised_there_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    class Dying:
        def __del__(self) -> None:
            raise ValueError("of its own")

    with supervision._handlers():
        dying = Dying()
        del dying
    assert "ValueError: of its own" in capsys.readouterr().err
