"""The reports in a home, and which of them a person means by a name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mambench.analysis.digest import Digest
from mambench.errors import ReportError
from mambench.report.digests import Reader
from mambench.system import forks

LATEST = "latest"

LEAST_IN_A_PART = 200
"""So many reports take longer to read than a copy of the process to make."""


def reports_in(folder: Path) -> list[Path]:
    """Report files, newest first: their names begin with the time of the run. Empty where there is no folder."""
    try:
        files = [path for path in folder.glob("*.json") if not path.name.startswith(".")]
    except OSError:
        return []
    return sorted(files, key=lambda path: path.name, reverse=True)


def find(name: str, folder: Path) -> Path:
    """The file that a name means: a path, that of the page beside it, `latest`, or an id or its first characters.

    Raises ReportError where there is none, or where several would fit.
    """
    if name != LATEST and os.path.isfile(name):  # False for what cannot be a name, too
        beside = Path(name).with_suffix(".json")
        return beside if name.endswith(".html") and beside.is_file() else Path(name)
    reports = reports_in(folder)
    if name == LATEST and reports:
        return reports[0]
    fitting = [path for path in reports if name and _fits(name, path.stem)]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ReportError(f"{len(fitting)} reports fit {name}", remedy="give more of the id")
    where = "nothing was measured yet" if not reports else f"no file and no report in {folder} has that name"
    raise ReportError(
        f"no report {name}: {where}", remedy="name a file that `mambench run` wrote, an id from its name, or `latest`"
    )


def find_all(names: Iterable[str], folder: Path) -> list[Path]:
    """The files that names mean: as `find`; a folder is all reports in it, a home those in its `results`.

    Raises ReportError, also for a folder without reports.
    """
    return list(dict.fromkeys(path for name in names for path in _meant(name, folder)))


def _meant(name: str, folder: Path) -> list[Path]:
    if not name or not os.path.isdir(name):
        return [find(name, folder)]
    files = reports_in(Path(name)) or reports_in(Path(name, "results"))
    if not files:
        raise ReportError(
            f"no report in the folder {name}", remedy="name a folder with files that `mambench run` wrote"
        )
    return files


@dataclass(frozen=True)
class Library:
    """Many reports in short, by their files, each run once; and what is wrong with those that cannot be read."""

    digests: Mapping[Path, Digest]
    problems: Mapping[Path, ReportError]


def library(files: Iterable[Path]) -> Library:
    """What the files hold, in their order; one that is broken keeps none of the others back."""
    digests: dict[Path, Digest] = {}
    problems: dict[Path, ReportError] = {}
    seen: set[str] = set()
    for part in forks.in_parts(_read, list(files), least=LEAST_IN_A_PART):
        for file, digest in part:
            if isinstance(digest, ReportError):
                problems[file] = digest
            elif digest.run_id not in seen:
                seen.add(digest.run_id)
                digests[file] = digest
    return Library(digests, problems)


def _read(files: Iterable[Path]) -> list[tuple[Path, Digest | ReportError]]:
    reader = Reader()

    def read(file: Path) -> Digest | ReportError:
        try:
            return reader.read(file)
        except ReportError as error:
            return error.with_traceback(None)

    return [(file, read(file)) for file in files]


def _fits(name: str, stem: str) -> bool:
    """A stem is `<UTC>-<hostname>-<run_id8>`; a run's whole id fits too."""
    run_id = stem.rpartition("-")[2]
    return stem.startswith(name) or run_id.startswith(name) or (len(name) > 8 and name[:8] == run_id)
