"""Standard output and error that end nothing, whatever a reader or a character does; and what was typed too early."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

GONE = (errno.EPIPE, errno.EIO, errno.EINVAL)
"""What a write gives when its reader went away: a pipe, a closed window, a pipe on Windows."""


def patient(stream: TextIO | None) -> Any:
    """The stream for rich; a measurement goes on when its reader goes away, and is saved."""
    return None if stream is None else _Patient(stream)


def steady() -> None:
    """No character that standard output or error cannot show is an error."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def drop_typed() -> None:
    """Forget what was typed on the terminal before a question appeared: it cannot be an answer to it."""
    if sys.stdin is None or not sys.stdin.isatty():
        return
    if sys.platform == "win32":
        import msvcrt

        while msvcrt.kbhit():
            msvcrt.getwch()
    else:
        import termios

        with contextlib.suppress(termios.error):  # a window that was closed
            termios.tcflush(sys.stdin, termios.TCIFLUSH)


def flush() -> None:
    """Write out what is buffered; python itself would complain about a reader that is gone, with exit code 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _let_go(stream)


class _Patient:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with self._patience():
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with self._patience():
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _patience(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in GONE:
                raise
            _let_go(self._stream)


def _let_go(stream: TextIO) -> None:
    """Send all that follows to nowhere, what is still buffered too."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
