"""The log of a child: a file that stops growing."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import IO

from mambench.system import addresses

LOG_BYTES = 10 * 1024 * 1024
"""A log stops growing here, whatever a framework prints."""


class CappedLog:
    """A log file that stops growing and keeps no login; a full disk is no reason to lose a measurement."""

    def __init__(self, path: Path) -> None:
        self._left = LOG_BYTES
        self._stream: IO[bytes] | None = None
        with contextlib.suppress(OSError):
            path.parent.mkdir(exist_ok=True)  # a home that is gone is not made anew
            self._stream = path.open("ab")

    def write(self, line: bytes) -> None:
        if self._stream is None or self._left <= 0:
            return
        text = line.decode(errors="surrogateescape")
        line = addresses.without_credentials(text).encode(errors="surrogateescape")
        part = line[: self._left]
        self._left -= len(part)
        with contextlib.suppress(OSError, ValueError):
            self._stream.write(part if self._left else part + b"\n[mambench: the log ends here, at 10 MB]\n")
            self._stream.flush()

    def close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
