"""The copy of the report that a person asks for, known to be possible before an hour is measured."""

from __future__ import annotations

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
    if not path.parent.is_dir():
        raise UsageError(f"{option} {text}: there is no folder {path.parent}", remedy="name a folder that exists")
    if path.exists() and not path.is_file():
        raise UsageError(f"{option} {text}: it is not a regular file", remedy="name a file; - is standard output")
    try:
        files.try_writing(path.parent)  # as the report will be written: beside the file, then renamed
        return str(path)
    except OSError as error:
        raise ReportError(
            f"{option} {text}: cannot write to {path.parent}: {error.strerror}", remedy="name a file in another folder"
        ) from error
