"""From what is asked of Slurm to a job that has an id and a record in the home."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mambench.cluster.job import SCRIPT, Absent, Job, Jobs, write
from mambench.cluster.script import Measurement, Request, script
from mambench.cluster.slurm import Slurm
from mambench.system import files


@dataclass(frozen=True)
class Order:
    """What is submitted; `command` is what a person typed."""

    request: Request
    measurement: Measurement
    absent: tuple[Absent, ...]
    command: str


def submit(slurm: Slurm, jobs: Jobs, order: Order, *, make: Callable[[], Measurement]) -> Job:
    """Ask Slurm whether it would take the script, `make` what the nodes need, submit it, and keep a record.

    Raises UsageError, SlurmError, HomeError, and what `make` raises; nothing is left then.
    """
    folder = jobs.new_folder()
    try:
        path = _written(folder, order.request, order.measurement)
        slurm.require_accepted(path)
        _written(folder, order.request, make())
        number, cluster = slurm.submit(path)
    except BaseException:
        with contextlib.suppress(OSError):
            files.remove(folder)
        raise
    job = Job(number, folder, cluster, folder.name, order.request.nodes, order.command, order.absent)
    jobs.keep(job)
    return job


def _written(folder: Path, request: Request, measurement: Measurement) -> Path:
    path = folder / SCRIPT
    write(path, script(request, measurement, str(folder), created=f"{datetime.now(UTC):%Y-%m-%d}"))
    return path
