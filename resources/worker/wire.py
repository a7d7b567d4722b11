"""The worker's two pipes: events go out on a copy of descriptor 1, and the request's pipe is watched.

After `take_over` nothing that a framework or its children print can reach the event stream: descriptor 1 is a
copy of 2. Descriptor 0 becomes the null device and the launcher's pipe is read through a private copy.
Children inherit neither copy. On Windows this also avoids a deadlock: a read pending on the standard input
pipe blocks every DLL that looks at its standard handles while it is loaded (numpy/numpy#24290,
python/cpython#78961).
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from typing import Any

# At most 10 writes a second (resources/worker is measured beside its own output).
SECONDS_BETWEEN_WRITES = 0.1
EXIT_ORPHANED = 70  # EX_SOFTWARE; nobody reads it: the launcher is gone
READ_BYTES = 65536
LONGEST_REQUEST_BYTES = 2**20

Event = dict[str, Any]


class Wire:
    """Writes events, one ASCII JSON line each, to one descriptor, from the process that made it only."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._owner = os.getpid()
        self._waiting: list[bytes] = []
        self._written_at = -SECONDS_BETWEEN_WRITES
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._leave)

    def emit(self, event: str, **values: Any) -> None:
        """Write an event now, after all that wait."""
        self._waiting.append(_line(event, values))
        self.flush()

    def post(self, event: str, **values: Any) -> None:
        """Write an event together with others, at most 10 times a second."""
        self._waiting.append(_line(event, values))
        if time.perf_counter() - self._written_at >= SECONDS_BETWEEN_WRITES:
            self.flush()

    def flush(self) -> None:
        """Write what waits; ends the process if nobody reads any more."""
        data, self._waiting = b"".join(self._waiting), []
        if os.getpid() != self._owner:
            return
        try:
            while data:
                data = data[os.write(self._descriptor, data) :]
        except OSError:
            os._exit(EXIT_ORPHANED)
        self._written_at = time.perf_counter()

    def _leave(self) -> None:
        """In a forked child: let go of the pipe, so that the launcher sees its end when the worker ends."""
        with contextlib.suppress(OSError):
            os.close(self._descriptor)


def take_over() -> tuple[int, int]:
    """Return private descriptors (requests, events) and leave the null device at 0 and a copy of 2 at 1."""
    requests, events = os.dup(0), os.dup(1)  # os.dup makes them non-inheritable
    if sys.platform == "win32":
        import msvcrt

        msvcrt.setmode(requests, os.O_BINARY)
        msvcrt.setmode(events, os.O_BINARY)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return requests, events


def read_line(descriptor: int) -> bytes:
    """Read one line unbuffered, so that the watch sees what follows; cut off at the pipe's end or 1 MiB."""
    line = b""
    while not line.endswith(b"\n") and len(line) < LONGEST_REQUEST_BYTES:
        byte = os.read(descriptor, 1)
        if not byte:
            break
        line += byte
    return line


class Watch:
    """Ends this process, without ceremony, when the launcher closes its end of the request's pipe.

    A forked child does not have this thread. Code that holds the interpreter lock for long (C without
    Py_BEGIN_ALLOW_THREADS) delays it until the lock is free; the launcher's kill is the answer to that.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.code = EXIT_ORPHANED  # set once the outcome is known: a prompt launcher closes before we exit
        threading.Thread(target=self._wait, name="mambench-watch", daemon=True).start()

    def _wait(self) -> None:
        with contextlib.suppress(OSError):
            while os.read(self._descriptor, READ_BYTES):
                pass
        os._exit(self.code)


def _line(event: str, values: dict[str, Any]) -> bytes:
    return json.dumps({"event": event, **values}, ensure_ascii=True, allow_nan=False).encode("ascii") + b"\n"
