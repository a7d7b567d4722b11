"""No child outlives us, and signals become exceptions.

A guard process, forked at the start, holds a pipe to the launcher: when the pipe closes it kills the groups that
it was told of, and whatever else carries our mark. On Windows a job object with KILL_ON_JOB_CLOSE does the same.
What a child leaves behind when it ends is recognised by the mark too.
"""

from __future__ import annotations

import contextlib
import itertools
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
"""The variable by which we recognise what belongs to us."""

SECOND_INTERRUPT_SECONDS = 0.5
"""A second Ctrl-C counts from here: a one-file program gets a single key press twice (measured)."""

TOKEN = secrets.token_hex(8)
"""How the mark's value begins in all children of this launcher."""

_numbers = itertools.count()
_guard_pipe: int | None = None
_job: Any = None


@contextlib.contextmanager
def supervised() -> Iterator[None]:
    """Signals become Interrupted, and no child outlives this process, however it ends."""
    _fill_standard_descriptors()
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
    numbers = [number for name in names if (number := getattr(signal, name, None))]
    heeded = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]  # nohup, `&` in a script
    previous = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _fill_standard_descriptors() -> None:
    """After `<&-` or `>&-`, what is opened next must not become standard input or output."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(descriptor)


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
        groups = _groups_left(reading)
        for group in groups:
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        _sweep(TOKEN)
    finally:
        os._exit(0)


def _groups_left(reading: int) -> set[int]:
    """The groups that were told of and not taken back, when nobody holds the other end of the pipe any more."""
    groups: set[int] = set()
    pending = b""
    while data := os.read(reading, 4096):
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            if line[:1] == b"+":
                groups.add(int(line[1:]))
            elif line[:1] == b"-":
                groups.discard(int(line[1:]))
    return groups


def _keep_only(descriptor: int) -> None:
    """Close every other descriptor: a pipe that we print to must not stay open because of the guard."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    limit = os.sysconf("SC_OPEN_MAX")
    highest = min(limit, 65536) if limit > 0 else 65536  # -1 where there is no limit
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, highest)


def new_mark() -> str:
    """The mark's value for one more child; it inherits it to all that it starts."""
    return f"{TOKEN}.{next(_numbers)}."


def sweep_after(mark: str) -> None:
    """Kill what a child that is gone left behind, even in a session of its own. (Windows: at our end.)"""
    if os.name == "posix":
        _sweep(mark)


def _sweep(mark: str) -> None:
    """Kill whatever carries a mark that begins so: a child that was being started, one that left its group."""
    import psutil

    for _ in range(3):
        found = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and process.environ().get(MARK, "").startswith(mark):
                    process.kill()
                    found = True
        if not found:
            return
        time.sleep(0.1)


def _job_that_dies_with_us() -> Any:
    """A job object that holds us and, by inheritance, all children; closing its only handle kills them."""
    if sys.platform != "win32":
        return None
    from mambench.system import windows

    return windows.job_that_dies_with_us()
