"""The guard: a process, forked at the start, that ends our children when we are killed. (Windows: the job object.)

It holds a pipe to the launcher. When that closes, it kills the groups that it was told of, and whatever else carries
our mark: a child that was just being started, or one that left its group.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys

from mambench.system import mark

_pipe: int | None = None


def tell(message: str) -> None:
    """`+GROUP` when a child was started, `-GROUP` when it is gone."""
    if _pipe is not None:
        with contextlib.suppress(OSError):
            os.write(_pipe, f"{message}\n".encode())


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


if sys.platform != "win32":

    def start() -> None:
        """Fork the guard, once in a process."""
        global _pipe
        if _pipe is not None:
            return
        import psutil  # noqa: F401  (loaded before the fork: a frozen program's files may be gone when it is needed)

        reading, writing = os.pipe()
        if os.fork() == 0:
            _live(reading)
        os.close(reading)
        _pipe = writing

    def _live(reading: int) -> None:
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
            mark.sweep(mark.TOKEN)
        finally:
            os._exit(0)

    def _keep_only(descriptor: int) -> None:
        """Close every other descriptor: a pipe that we print to must not stay open because of the guard."""
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        limit = os.sysconf("SC_OPEN_MAX")
        highest = min(limit, 65536) if limit > 0 else 65536  # -1 where there is no limit
        os.closerange(3, descriptor)
        os.closerange(descriptor + 1, highest)
