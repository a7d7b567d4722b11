"""The reports in a home, and which of them a person means by a name."""

from __future__ import annotations

from pathlib import Path

from mambench.errors import ReportError

LATEST = "latest"


def reports_in(folder: Path) -> list[Path]:
    """Report files, newest first: their names begin with the time of the run. Empty where there is no folder."""
    try:
        files = [path for path in folder.glob("*.json") if not path.name.startswith(".")]
    except OSError:
        return []
    return sorted(files, key=lambda path: path.name, reverse=True)


def find(name: str, folder: Path) -> Path:
    """The file that a name means: a path, `latest`, or an id, of which the first characters are enough.

    Raises ReportError where there is none, or where several would fit.
    """
    if name != LATEST and Path(name).is_file():
        return Path(name)
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


def _fits(name: str, stem: str) -> bool:
    """A stem is `<UTC>-<hostname>-<run_id8>`; a run's whole id fits too."""
    run_id = stem.rpartition("-")[2]
    return stem.startswith(name) or run_id.startswith(name) or (len(name) > 8 and name[:8] == run_id)
