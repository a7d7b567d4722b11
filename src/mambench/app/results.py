"""The results in the home: a line for each, and removing them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mambench.analysis.digest import Digest, DigestRow, fastest_row
from mambench.analysis.rows import figure, row_name
from mambench.analysis.words import counted
from mambench.app.alone import alone
from mambench.app.context import Mambench
from mambench.errors import HomeError, ReportError, UsageError
from mambench.report import journal, library
from mambench.report.digests import Reader
from mambench.report.library import Library
from mambench.system import files

MAX_STACKS = 3
"""Named in one line."""


@dataclass(frozen=True)
class Entry:
    """One result: its file and what a line says of it."""

    file: Path
    digest: Digest

    @property
    def id(self) -> str:
        """What names it on the command line."""
        return self.digest.run_id[:8]

    @property
    def when(self) -> str:
        """The time of its start, UTC."""
        return self.digest.created[:16].replace("T", " ")

    @property
    def what(self) -> str:
        """The stacks and how many rows."""
        rows = self.digest.rows
        stacks = list(dict.fromkeys(row.trial.stack_name for row in rows))
        more = f" and {len(stacks) - MAX_STACKS} more" if len(stacks) > MAX_STACKS else ""
        return f"{', '.join(stacks[:MAX_STACKS])}{more}; {counted(len(rows), 'row')}" if rows else "no rows"

    @property
    def fastest(self) -> str:
        """The highest number in it."""
        return "-" if (row := self._fastest) is None else f"{figure(row.rate or 0)} {row.trial.unit}, {_where(row)}"

    @property
    def _fastest(self) -> DigestRow | None:
        return fastest_row(self.digest.rows)

    @property
    def ending(self) -> str:
        """`complete`, or that it was stopped."""
        return "complete" if self.digest.complete else "stopped"

    def as_dict(self) -> dict[str, Any]:
        """For `results --json`."""
        row = self._fastest
        return {
            "run_id": self.digest.run_id,
            "created": self.digest.created,
            "file": str(self.file),
            "machine": self.digest.machine,
            "mambench": self.digest.mambench,
            "methodology": self.digest.methodology,
            "complete": self.digest.complete,
            "trials": [each.trial.key for each in self.digest.rows],
            "fastest": None if row is None else _fastest_dict(row),
        }


def _fastest_dict(row: DigestRow) -> dict[str, Any]:
    size = row.trial.size
    gflops = row.rate if size.rate_is_gflops else None
    return {"trial": row.trial.key, "rate": row.rate, "unit": size.unit, "gflops": gflops}


def _where(row: DigestRow) -> str:
    trial = row.trial
    return f"{row_name(trial)}, {trial.dtype}, {trial.size.words}"


def entries(home_library: Library) -> list[Entry]:
    """The results that can be read, in the library's order."""
    return [Entry(file, digest) for file, digest in home_library.digests.items()]


def in_home(app: Mambench) -> Library:
    """The results in the home, newest first."""
    return library.library(library.reports_in(app.home.results))


def remove(app: Mambench, paths: Iterable[Path]) -> None:
    """Delete reports of this home with their pages, journals and logs. Raises UsageError, HomeError.

    Waits while something is measured here: that may be one of them.
    """
    chosen = list(paths)
    for path in chosen:
        if path.parent.resolve() != app.home.results.resolve():
            raise UsageError(f"{path} is not a result of this home", remedy="delete a file of your own yourself")
    with alone(app, "mambench results remove", everywhere=True):
        for path in chosen:
            _remove(app, path)


def _remove(app: Mambench, path: Path) -> None:
    logs = _logs(app, path)
    beside = (path.with_suffix(journal.SUFFIX), path.with_suffix(".html"), path)
    try:
        for each in (*logs, *beside):
            if each.exists():
                files.remove(each)
    except OSError as error:
        raise HomeError(
            f"cannot delete {error.filename or path}: {error.strerror}", remedy="close what has it open"
        ) from error


def _logs(app: Mambench, path: Path) -> list[Path]:
    """The folder of a run's logs; none where the report does not tell a run's id."""
    try:
        run_id = Reader().read(path).run_id
    except ReportError:
        return []
    return [app.home.logs / run_id] if re.fullmatch(r"[0-9a-f]{32}", run_id) else []
