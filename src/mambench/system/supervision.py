"""No child outlives us, however we end; signals become exceptions; what we write is nobody else's to change."""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from mambench.errors import Interrupted
from mambench.system import guard

SECOND_INTERRUPT_SECONDS = 0.5
"""A second Ctrl-C counts from here: a one-file program gets a single key press twice (measured)."""

AGAIN_SECONDS = 0.02
"""After so long Python is out of the callback in which it dropped an interrupt."""

_WRITABLE_BY_ALL = 0o002

_job: Any = None
_persons_umask = -1


@contextlib.contextmanager
def supervised() -> Iterator[None]:
    """Signals become Interrupted, and no child outlives this process, however it ends."""
    _fill_standard_descriptors()
    _end_children_with_us()
    with _handlers():
        yield


def persons_umask() -> int:
    """The umask that we were started with, for a person's own command; -1 where it is still that."""
    return _persons_umask


@contextlib.contextmanager
def careful_umask() -> Iterator[None]:
    """No file of ours, or of our children, may be changed by all: under a umask of 000 every kernel could."""
    global _persons_umask
    _persons_umask = os.umask(0o077)
    os.umask(_persons_umask | _WRITABLE_BY_ALL)
    try:
        yield
    finally:
        os.umask(_persons_umask)
        _persons_umask = -1


@contextlib.contextmanager
def _handlers() -> Iterator[None]:
    first: float | None = None

    def stop(signum: int, _frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None or now - first >= SECOND_INTERRUPT_SECONDS:
            first = now
            raise Interrupted(signum)

    def again(unraisable: Any) -> None:
        """Python drops what is raised in `__del__` and in callbacks, of its import system too; the signal stands."""
        nonlocal first
        if isinstance(error := unraisable.exc_value, Interrupted):
            first = None
            threading.Timer(AGAIN_SECONDS, _thread.interrupt_main, (error.signum,)).start()
        else:
            sys.__unraisablehook__(unraisable)

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    numbers = [number for name in names if (number := getattr(signal, name, None))]
    heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]  # nohup, `&` in a script
    previous = {number: signal.signal(number, stop) for number in heeded}
    hook, sys.unraisablehook = sys.unraisablehook, again
    try:
        yield
    finally:
        sys.unraisablehook = hook
        for number, handler in previous.items():
            signal.signal(number, handler)


def _fill_standard_descriptors() -> None:
    """After `<&-` or `>&-`, what is opened next must not become standard input or output."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


def _end_children_with_us() -> None:
    """By the guard; on Windows by a job object that kills all in it when its last handle closes."""
    global _job
    if sys.platform == "win32":
        from mambench.system import windows

        windows.no_dialogs()
        _job = _job or windows.job_that_dies_with_us()
    else:
        guard.start()
