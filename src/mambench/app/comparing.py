"""Reports by their names, read and compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from mambench.analysis.matching import pairs
from mambench.app.context import Mambench
from mambench.errors import ReportError, UsageError
from mambench.report import library
from mambench.report.comparison import Compared
from mambench.report.library import Library


def compare(app: Mambench, before: Sequence[str], after: Sequence[str], *, keep: Iterable[Path]) -> Compared:
    """The reports of both sides, matched; one that cannot be read is named, and the others go on.

    `keep` are files that will be written. Raises ReportError where nothing of a side can be read, UsageError where one
    of those files is a report that is read.
    """
    files = [library.find_all(names, app.home.results) for names in (before, after)]
    refuse_to_overwrite(keep, [file for side in files for file in side])
    baseline, candidate = (_read(app, side) for side in files)
    if twice := set(_runs(baseline)) & set(_runs(candidate)):
        app.terminal.say(f"run {sorted(twice)[0][:8]} is on both sides: its rows are compared with themselves")
    problems = {**baseline.problems, **candidate.problems}
    digests = tuple(baseline.digests.values()), tuple(candidate.digests.values())
    return Compared(*digests, tuple(pairs(*digests)), tuple(map(str, problems.values())))


def refuse_to_overwrite(written: Iterable[Path], read: Iterable[Path]) -> None:
    """Raises UsageError where one of the files to be written is a report that is read."""
    reports = {path.resolve() for path in read}
    for path in written:
        if path.resolve() in reports:
            raise UsageError(f"{path} is a report that is compared", remedy="write to another file")


def _read(app: Mambench, files: Sequence[Path]) -> Library:
    read = library.library(files)
    problems = list(read.problems.values())
    if not read.digests:
        raise problems[0]
    for problem in problems:
        app.terminal.error(ReportError(str(problem), remedy=problem.remedy))
    return read


def _runs(read: Library) -> list[str]:
    return [digest.run_id for digest in read.digests.values()]
