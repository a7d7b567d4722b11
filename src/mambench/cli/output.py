"""Documents to standard output."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from mambench.errors import ReportError


def print_json(content: Mapping[str, Any]) -> None:
    """One document to standard output, with the version of its keys. Raises ReportError."""
    import json

    from mambench.model import SCHEMA_VERSION

    print_document(json.dumps({"schema_version": SCHEMA_VERSION, **content}, indent=1, ensure_ascii=False) + "\n")


def print_document(text: str) -> None:
    """To standard output, in UTF-8 whatever the terminal's encoding. Raises ReportError, BrokenPipeError."""
    if sys.stdout is None:
        raise ReportError("standard output is closed", remedy="name a file with --json PATH")
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ReportError(
            f"cannot write to standard output: {error.strerror}", remedy="name a file with --json PATH"
        ) from error
