"""A report as plain rows of cells, from which Markdown and CSV are made. Pure."""

from __future__ import annotations

from mambench.analysis.answer import disturbed
from mambench.model import Result


def check_words(result: Result) -> str:
    """Whether the row can be believed, in a few words."""
    if result.failure is not None:
        return f"{result.status}: {result.failure.reason.replace('_', ' ')}"
    if not result.verified:
        return "not checked"
    return "result verified" + (", measurement disturbed" if disturbed(result) else "")
