"""Keeps what a run measures: the report at its start and end, a journal beside it in between."""

from __future__ import annotations

import contextlib
from pathlib import Path

from mambench.errors import ReportError
from mambench.model import Machine, Report, Result
from mambench.report import document
from mambench.report.journal import Journal
from mambench.system import files


class Saver:
    """Writes the report before the first trial and at the end, and a journal beside it in between."""

    def __init__(self, path: Path, machine: Machine) -> None:
        self._path, self._machine = path, machine
        self._journal = Journal(path)
        self.report: Report | None = None
        self.problem: ReportError | None = None
        """Why the last attempt failed: the next one may succeed, and what is measured is shown in any case."""

    def save(self, report: Report) -> None:
        self.report, self.problem = report, None
        try:
            save_report(self._path, report)
        except ReportError as error:
            if report.finished is None:
                raise
            self.problem = error
            return
        with contextlib.suppress(OSError):
            files.Patience().spend(self._journal.remove)

    def add(self, result: Result) -> None:
        # What cannot be kept now is in the journal's next line and in the report that the end writes.
        with contextlib.suppress(OSError, ValueError):
            self._journal.add(document.result_dict(result, self._machine, latest_round_only=True))


def save_report(path: Path, report: Report) -> None:
    """Write a report whole or not at all. Raises ReportError."""
    try:
        files.write(path, document.dumps(report))
    except OSError as error:
        raise ReportError(
            f"cannot write the report {path}: {error.strerror}", remedy="free disk space or name another --home"
        ) from error
