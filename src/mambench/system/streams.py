"""Standard output and error that end nothing: a reader that goes away, a full disk, a character that cannot be shown.

What could not be written to standard output is told at the end, by `flush`; what was typed too early is dropped.
"""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterator
from typing import Any, TextIO

GONE = (errno.EPIPE, errno.EIO, errno.EINVAL)
"""What a write gives when its reader went away: a pipe, a closed window, a pipe on Windows."""

_lost: OSError | None = None
"""Why standard output lacks something."""


def patient(stream: TextIO | None) -> Any:
    """The stream for rich; a measurement goes on when it cannot be written, and is saved."""
    return None if stream is None else _Patient(stream)


def write(text: str, stream: TextIO | None) -> None:
    """Write to standard output or error, if it is open."""
    if stream is not None:
        _Patient(stream).write(text)


def steady(*, platform: str = sys.platform) -> None:
    """No character that standard output or error cannot show is an error, and on Windows a pipe gets UTF-8, too.

    Python would write to a pipe or a file in the code page of the machine, which lacks most letters; the console gets
    UTF-8 since 3.6 (PEP 528).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = "utf-8" if platform == "win32" and not stream.isatty() else None
            stream.reconfigure(encoding=encoding, errors="backslashreplace")


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


def flush() -> OSError | None:
    """Write out what is buffered; gives why standard output lacks something, unless its reader went away.

    Python itself would complain about either, with exit code 120.
    """
    global _lost
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:
            with _patience(stream):
                stream.flush()
    lost, _lost = _lost, None
    return lost


class _Patient:
    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        with _patience(self._stream):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with _patience(self._stream):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextlib.contextmanager
def _patience(stream: TextIO) -> Iterator[None]:
    """After the first write that fails, all that follows goes to nowhere, what is still buffered too."""
    global _lost
    try:
        yield
    except OSError as error:
        if stream is sys.stdout and error.errno not in GONE:
            _lost = error
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def is_console(stream: Any) -> bool:
    """Whether somebody reads it as it is written."""
    return stream is not None and stream.isatty()


def takes_escapes(stream: Any) -> bool | None:
    """Whether this console of Windows obeys escape sequences; None for everything else."""
    if sys.platform != "win32" or not is_console(stream):
        return None
    from mambench.system import windows

    return windows.takes_escapes(stream.fileno())
