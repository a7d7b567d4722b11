"""The guard: a process, forked at the start, that ends our children when we are killed. (Windows: the job object.)

It holds a pipe to the launcher. When that closes, it kills the children that it was told of, with their groups and
descendants, and whatever else carries our mark: a child that was just being started, or what one left behind. A guard
that is killed itself is followed by another one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading

from mambench.system import ending, mark

_logger = logging.getLogger(__name__)

_pipe: int | None = None
_children: set[int] = set()
_one_at_a_time = threading.Lock()


def tell(message: str) -> None:
    """`+PID` when a child was started, `-PID` when it is gone."""
    with _one_at_a_time:
        _note(_children, message.encode())
        if _pipe is not None:
            with contextlib.suppress(OSError):  # the next guard knows it from us
                os.write(_pipe, f"{message}\n".encode())


def _note(children: set[int], message: bytes) -> None:
    if message[:1] == b"+":
        children.add(int(message[1:]))
    elif message[:1] == b"-":
        children.discard(int(message[1:]))


def _left(reading: int, children: set[int]) -> set[int]:
    """The children that were told of and not taken back, when nobody holds the other end of the pipe any more."""
    pending = b""
    while data := os.read(reading, 4096):
        *lines, pending = (pending + data).split(b"\n")
        for line in lines:
            _note(children, line)
    return children


if sys.platform != "win32":

    def start() -> None:
        """Fork the guard, once in a process."""
        if _pipe is not None:
            return
        import psutil  # noqa: F401  (loaded before the fork: a frozen program's files may be gone when it is needed)

        threading.Thread(target=_replace, args=(_fork(),), name="mambench-guard", daemon=True).start()

    def _fork() -> int:
        global _pipe
        with _one_at_a_time:
            reading, writing = os.pipe()
            pid = os.fork()
            if pid == 0:
                _live(reading, set(_children))
            os.close(reading)
            if _pipe is not None:
                os.close(_pipe)
            _pipe = writing
        return pid

    def _replace(pid: int) -> None:
        """Fork another guard whenever a signal ended it, as long as we live."""
        with contextlib.suppress(OSError):
            while os.WIFSIGNALED(os.waitpid(pid, 0)[1]):
                _logger.warning("the guard, process %d, was killed; another one follows", pid)
                pid = _fork()

    def _live(reading: int, children: set[int]) -> None:
        """The guard's whole life: follow the children until the launcher is gone, then kill what is left."""
        try:
            os.setsid()
            for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE"):
                signal.signal(getattr(signal, name), signal.SIG_IGN)
            os.chdir("/")
            _keep_only(reading)
            for child in _left(reading, children):
                _end(child)
            mark.sweep(mark.TOKEN)
        finally:
            os._exit(0)

    def _end(pid: int) -> None:
        """Kill a child, its group, and its descendants."""
        family = ending.with_descendants(pid)
        with contextlib.suppress(OSError):
            os.killpg(pid, signal.SIGKILL)
        for process in family:
            ending.kill(process)
        ending.clear_shared_memory(pid)

    def _keep_only(descriptor: int) -> None:
        """Close every other descriptor: a pipe that we print to must not stay open because of the guard."""
        null = os.open(os.devnull, os.O_RDWR)
        for standard in (0, 1, 2):
            os.dup2(null, standard)
        limit = os.sysconf("SC_OPEN_MAX")
        highest = min(limit, 65536) if limit > 0 else 65536  # -1 where there is no limit
        os.closerange(3, descriptor)
        os.closerange(descriptor + 1, highest)
