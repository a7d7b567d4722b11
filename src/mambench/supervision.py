"""No child outlives us, and signals become exceptions.

A guard process, forked at the start, holds a pipe to the launcher: when the pipe closes it kills the groups that
it was told of, and whatever else carries our mark. On Windows a job object with KILL_ON_JOB_CLOSE does the same.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

from mambench.errors import Interrupted

MARK = "MAMBENCH_TREE"
"""The variable by which the guard recognises what belongs to us."""

SECOND_INTERRUPT_SECONDS = 0.5
"""A second Ctrl-C counts from here: a one-file program gets a single key press twice (measured)."""

TOKEN = secrets.token_hex(8)
"""The mark's value in this launcher's children."""

_guard_pipe: int | None = None
_job: Any = None


@contextlib.contextmanager
def supervised() -> Iterator[None]:
    """Signals become Interrupted, and no child outlives this process, however it ends."""
    _start_guard()
    with _handlers():
        yield


@contextlib.contextmanager
def _handlers() -> Iterator[None]:
    first: float | None = None

    def stop(signum: int, _frame: FrameType | None) -> None:
        nonlocal first
        now = time.monotonic()
        if first is None or now - first >= SECOND_INTERRUPT_SECONDS:
            first = now
            raise Interrupted(signum)

    names = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
    previous = {number: signal.signal(number, stop) for name in names if (number := getattr(signal, name, None))}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _start_guard() -> None:
    global _guard_pipe, _job
    if sys.platform == "win32":
        _job = _job or _job_that_dies_with_us()
        return
    if _guard_pipe is not None:
        return
    import psutil  # noqa: F401  (loaded before the fork: a frozen program's files may be gone when it is needed)

    reading, writing = os.pipe()
    if os.fork() == 0:
        _guard(reading)
    os.close(reading)
    _guard_pipe = writing


def tell_guard(message: str) -> None:
    """`+GROUP` when a child was started, `-GROUP` when it is gone."""
    if _guard_pipe is not None:
        with contextlib.suppress(OSError):
            os.write(_guard_pipe, f"{message}\n".encode())


def _guard(reading: int) -> None:
    """The guard's whole life: follow the groups until the launcher is gone, then kill what is left."""
    try:
        os.setsid()
        for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
        os.chdir("/")
        _keep_only(reading)
        groups: set[int] = set()
        pending = b""
        while data := os.read(reading, 4096):
            *lines, pending = (pending + data).split(b"\n")
            for line in lines:
                if line[:1] == b"+":
                    groups.add(int(line[1:]))
                elif line[:1] == b"-":
                    groups.discard(int(line[1:]))
        for group in groups:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        _sweep()
    finally:
        os._exit(0)


def _keep_only(descriptor: int) -> None:
    """Close every other descriptor: a pipe that we print to must not stay open because of the guard."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    highest = min(os.sysconf("SC_OPEN_MAX"), 65536)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, highest)


def _sweep() -> None:
    """Kill whatever carries our mark: a child that was being started, one that left its group."""
    import psutil

    for _ in range(3):
        found = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and process.environ().get(MARK) == TOKEN:
                    process.kill()
                    found = True
        if not found:
            return
        time.sleep(0.1)


def _job_that_dies_with_us() -> Any:
    """A job object that holds us and, by inheritance, all children; closing its only handle kills them."""
    if sys.platform != "win32":
        return None
    from mambench import windows

    return windows.job_that_dies_with_us()
