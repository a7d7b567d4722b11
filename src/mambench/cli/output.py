"""Documents to standard output, and the table of what was looked at."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mambench.errors import ExitCode, ReportError
from mambench.system import streams
from mambench.system.values import cleaned

if TYPE_CHECKING:
    from mambench.app.findings import Finding
    from mambench.terminal.console import Terminal


def show_findings(terminal: Terminal, findings: Sequence[Finding]) -> None:
    """A table of what was looked at."""
    rows = [(finding.name, finding.state, finding.words) for finding in findings]
    terminal.rows("", ("what", "state", "found, and what to do"), rows)


def code_of(findings: Sequence[Finding]) -> ExitCode:
    """Whether something is wrong."""
    return ExitCode.NOT_OK if any(finding.state == "wrong" for finding in findings) else ExitCode.OK


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
