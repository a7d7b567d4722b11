"""Documents to standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from mambench.errors import ReportError
from mambench.system import streams
from mambench.system.values import cleaned


def print_json(content: Mapping[str, Any]) -> None:
    """One document to standard output, with the version of its keys. Raises ReportError."""
    import json

    from mambench.model import SCHEMA_VERSION

    print_document(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=1, ensure_ascii=False) + "\n")


def print_document(text: str) -> None:
    """To standard output, in UTF-8 whatever the terminal's encoding. Raises ReportError, BrokenPipeError.

    A program gets every character, a terminal none that steers it.
    """
    if sys.stdout is None:
        raise ReportError("standard output is closed", remedy="name a file with --json PATH")
    if streams.is_console(sys.stdout):
        text = cleaned(text)
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ReportError(
            f"cannot write to standard output: {error.strerror}", remedy="name a file with --json PATH"
        ) from error
