"""The copy of the report that a person asks for, known to be possible before an hour is measured."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from mambench.errors import ReportError, UsageError
from mambench.system import files


def copy_path(text: str | None, *, option: str = "--json") -> str | None:
    """Where an option wants the report, known to be possible before an hour is measured.

    Raises UsageError, and ReportError where nothing can be written.
    """
    if not text or text == "-":
        return text
    try:
        path = Path(text).absolute()
    except OSError as error:
        raise UsageError(f"{option} {text}: the current folder was deleted", remedy="give an absolute path") from error
    try:
        if not files.is_regular_or_new(path):
            return _writable(path, option=option, text=text)
        folder = files.behind_links(path).parent
        if not folder.is_dir():
            raise UsageError(f"{option} {text}: there is no folder {folder}", remedy="name a folder that exists")
        files.try_writing(folder)  # as the report will be written: beside the file, then renamed
        return str(path)
    except OSError as error:
        raise ReportError(
            f"{option} {text}: cannot write to {path.parent}: {error.strerror}", remedy="name a file in another folder"
        ) from error


def _writable(path: Path, *, option: str, text: str) -> str:
    """A device or a FIFO, which is written into. Raises UsageError, OSError."""
    if path.is_dir() or path.is_socket():
        raise UsageError(f"{option} {text}: it is no file", remedy="name a file; - is standard output")
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
    return str(path)
