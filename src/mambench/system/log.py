"""The log of mambench itself: the commands it started and how they ended, causes and tracebacks.

Modules write to `logging.getLogger(__name__)`. One file for each command that changes something; a command that
only looks leaves one when something went wrong.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import sys
import time
from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from mambench.system import addresses, places, streams, values

KEPT_FILES = 20
LARGEST_BYTES = 5_000_000
_HELD_RECORDS = 1000

_NAME = re.compile(r"\d{8}T\d{6}Z-.*\.log")
_TOKEN = re.compile(r"/t/[^/\s]+")
"""conda's token in a path without its host, as requests tells it."""


@contextlib.contextmanager
def opened(command: str, *, keep: bool, verbose: bool) -> Iterator[LogFile]:
    """All that is logged goes to the file and, if `verbose`, to standard error."""
    file = LogFile(command, keep=keep)
    handlers: list[logging.Handler] = [file]
    if verbose and sys.stderr is not None:
        handlers.append(logging.StreamHandler(streams.patient(sys.stderr)))
    logger = logging.getLogger("mambench")
    logger.setLevel(logging.DEBUG)
    for handler in handlers:
        handler.setFormatter(_Formatter())
        logger.addHandler(handler)
    try:
        yield file
    finally:
        for handler in handlers:
            logger.removeHandler(handler)
            handler.close()


def latest(folder: Path) -> Path | None:
    """The log of the last command that left one."""
    return max(_logs(folder), default=None)


class LogFile(logging.Handler):
    """Holds what is logged until the home is there, or something goes wrong; no more than so many bytes and files."""

    def __init__(self, command: str, *, keep: bool) -> None:
        super().__init__()
        self._name = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{command}-{places.computer()}-{os.getpid()}.log"
        self._keep = keep
        self._held: deque[str] = deque(maxlen=_HELD_RECORDS)
        self._left = LARGEST_BYTES
        self._stream: TextIO | None = None
        self.folder: Path | None = None
        """Where the file goes, once that is known."""
        self.path: Path | None = None
        """The file, once there is one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Never an error: a log that cannot be written is missed only when something else goes wrong."""
        self._held.append(self.format(record))
        with contextlib.suppress(OSError):
            if self.path is None and self.folder is not None:
                wrong = record.levelno >= logging.WARNING
                if wrong or (self._keep and self.folder.is_dir()):
                    self._open(self.folder)
            if self._stream is not None:
                self._write(self._stream)

    def _open(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._stream = (folder / self._name).open("w", encoding="utf-8", errors="backslashreplace")
        self.path = folder / self._name
        own = [path for path in _logs(folder) if path.name.rpartition("-")[0].endswith(f"-{places.computer()}")]
        for old in sorted(own)[:-KEPT_FILES]:  # other computers may keep theirs in the same folder
            with contextlib.suppress(OSError):
                old.unlink()

    def _write(self, stream: TextIO) -> None:
        while self._held and self._left > 0:
            line = self._held.popleft() + "\n"
            self._left -= len(line)
            stream.write(line if self._left > 0 else f"[the log ends here, at {LARGEST_BYTES / 1e6:g} MB]\n")
        self._held.clear()
        stream.flush()

    def close(self) -> None:
        """Close the file."""
        super().close()
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()


class _Formatter(logging.Formatter):
    """Times in UTC; no login or token in messages and tracebacks, nor what steers the terminal that shows them."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s", "%Y-%m-%dT%H:%M:%S")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        text = _TOKEN.sub("/t/***", addresses.without_credentials(super().format(record)))
        return values.cleaned(text)


def _logs(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return [path for path in folder.iterdir() if _NAME.fullmatch(path.name)]
    return []
