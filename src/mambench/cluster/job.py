"""A job that was submitted, and its folder `slurm/<UTC>` in the home."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mambench.errors import HomeError, UsageError
from mambench.model import SCHEMA_VERSION
from mambench.system import contents, files, values

STAMP = "%Y%m%dT%H%M%SZ"
"""Of a folder's name, as of a report's."""

RECORD, SCRIPT, LOG, NODES, ENDED = "job.json", "job.sh", "job.log", "nodes", "ended"
"""The files of a folder: the last three are written by the job."""


@dataclass(frozen=True)
class Absent:
    """A node that was not asked for because Slurm gives it to nobody, and why."""

    node: str
    why: str


@dataclass(frozen=True)
class Job:
    """One job; `folder` is None for one that was submitted by hand, of which only the id is known."""

    id: str
    folder: Path | None = None
    cluster: str = ""
    """Where it is not that of this computer."""
    submitted: str = ""
    """The stamp of its folder."""
    nodes: int = 0
    command: str = ""
    absent: tuple[Absent, ...] = ()
    cancelled: str = ""
    """When `slurm cancel` ended it."""

    def text(self, name: str) -> str:
        """What a file of its folder says, "" where there is none."""
        try:
            return contents.bytes_of(self.folder / name).decode(errors="replace") if self.folder else ""
        except OSError:
            return ""

    def as_dict(self) -> dict[str, Any]:
        """For `--json`, and for its record."""
        return {**asdict(self), "folder": None if self.folder is None else str(self.folder)}


@dataclass(frozen=True)
class Jobs:
    """Those that were submitted from a home, by their folders."""

    folder: Path

    def new_folder(self, now: datetime | None = None) -> Path:
        """An empty folder for the next job. Raises HomeError."""
        stamp = f"{now or datetime.now(UTC):{STAMP}}"
        try:
            for number in range(1, 100):
                folder = self.folder / (stamp if number == 1 else f"{stamp}-{number}")
                try:
                    folder.mkdir(parents=True)
                except FileExistsError:
                    continue
                return folder
        except OSError as error:
            raise _unwritable(self.folder, error) from error
        raise HomeError(f"{self.folder} has a hundred jobs of this second", remedy="try again")

    def keep(self, job: Job) -> None:
        """Write a job's record. Raises HomeError."""
        assert job.folder is not None
        write(job.folder / RECORD, json.dumps({"schema_version": SCHEMA_VERSION, **job.as_dict()}, indent=1) + "\n")

    def all(self) -> Iterator[Job]:
        """Newest first; one whose record cannot be read is left out."""
        for file in sorted(self.folder.glob(f"*/{RECORD}"), reverse=True):
            try:
                yield _read(file)
            except (OSError, ValueError, TypeError, KeyError):
                continue

    def find(self, name: str | None) -> Job:
        """The latest, or the one of this id; an id without a record may be of a job submitted by hand.

        Raises UsageError.
        """
        job = next((each for each in self.all() if name in (None, each.id)), None)
        if job is not None:
            return job
        if name is None:
            raise UsageError("no job was submitted from this home", remedy="`mambench slurm run` submits one")
        if not (name.isascii() and name.isdigit()):
            raise UsageError(
                f"{name} is no id of a job", remedy="`mambench slurm status --all` lists those of this home"
            )
        return Job(name)


def current(job: Job) -> Job:
    """As its record says now: `slurm cancel` may have changed it."""
    try:
        return job if job.folder is None else _read(job.folder / RECORD)
    except (OSError, ValueError, TypeError, KeyError):
        return job


def write(path: Path, text: str) -> None:
    """Write a file of a job's folder whole or not at all. Raises HomeError."""
    try:
        files.write(path, text)
    except OSError as error:
        raise _unwritable(path, error) from error


def _unwritable(path: Path, error: OSError) -> HomeError:
    words = f"cannot write {path}: {error.strerror or error}"
    return HomeError(words, remedy="free disk space, or choose another --home")


def _read(file: Path) -> Job:
    content = values.table(contents.json_in(contents.bytes_of(file)))
    return Job(
        id=values.text(content["id"]),
        folder=file.parent,
        cluster=values.text(content["cluster"]),
        submitted=values.text(content["submitted"]),
        nodes=values.whole(content["nodes"]),
        command=values.text(content["command"]),
        absent=values.several(_absent, content["absent"]),
        cancelled=values.text(content["cancelled"]),
    )


def _absent(content: Any) -> Absent:
    return Absent(values.text(content["node"]), values.text(content["why"]))
