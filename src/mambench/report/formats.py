"""The texts that reports can be turned into, by the names that the command line has for them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from mambench.analysis.summary import SummaryOptions
from mambench.errors import UsageError
from mambench.model import Report
from mambench.report import bencher, csv, document, github_action, markdown

Write = Callable[[Sequence[Report]], str]


def _json(reports: Sequence[Report]) -> str:
    if len(reports) != 1:
        raise UsageError(f"--json takes one report, not {len(reports)}", remedy="name one; --csv takes several")
    return document.dumps(reports[0])


FORMATS: Mapping[str, Write] = {
    "json": _json,
    "markdown": lambda reports: "\n".join(map(markdown.dumps, reports)),
    "csv": csv.dumps,
    "csv-samples": csv.dumps_samples,
    "bencher": bencher.dumps,
    "github-action-benchmark": github_action.dumps,
}
"""Each from one report or several. Raises UsageError, ReportError."""

FOR_OTHER_TOOLS = ("bencher", "github-action-benchmark")
"""What `--format` takes; the others are options of their own."""


def formats(across: SummaryOptions) -> Mapping[str, Write]:
    """The same, with this summary across benchmarks where a text has one."""
    return {
        **FORMATS,
        "markdown": lambda reports: "\n".join(markdown.dumps(report, across) for report in reports),
        "csv": lambda reports: csv.dumps(reports, across),
    }
