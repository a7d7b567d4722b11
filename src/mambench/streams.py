"""Standard output and error that end nothing: a reader that goes away, a character that cannot be shown."""

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
    """The stream for rich; a measurement goes on when its reader goes away, and is saved.

    On standard error, which only tells how far it is, a full disk is no reason to end either.
    """
    return None if stream is None else _Patient(stream, forgiving=stream is sys.stderr)


def steady() -> None:
    """No character that standard output or error cannot show is an error."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]


def flush() -> None:
    """Write out what is buffered; python itself would complain about a reader that is gone, with exit code 120."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _let_go(stream)


class _Patient:
    def __init__(self, stream: TextIO, *, forgiving: bool) -> None:
        self._stream, self._forgiving = stream, forgiving

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
            if not self._forgiving and error.errno not in GONE:
                raise
            _let_go(self._stream)


def _let_go(stream: TextIO) -> None:
    """Send all that follows to nowhere, what is still buffered too."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, stream.fileno())
    os.close(null)
