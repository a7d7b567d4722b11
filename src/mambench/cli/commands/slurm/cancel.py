"""`slurm cancel`: end a job; what its nodes have measured stays."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.slurm import add_job, again
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench slurm cancel`."""
    parser = commands.add("cancel", "end a job; what was measured stays", run, json=True, example="cancel 4711")
    add_job(parser)


def run(app: Mambench, arguments: Namespace) -> int:
    """Raises UsageError, SlurmError, HomeError."""
    from dataclasses import replace
    from datetime import UTC, datetime

    from mambench.cli.output import print_json
    from mambench.cluster.job import Jobs
    from mambench.cluster.slurm import Slurm

    jobs = Jobs(app.home.slurm)
    job = jobs.find(arguments.job)
    if job.folder is not None:
        job = replace(job, cancelled=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}")
        jobs.keep(job)
    Slurm(app.environ).cancel(job)
    if arguments.json:
        print_json({"job": job.as_dict()})
    else:
        app.terminal.say(f"job {job.id} is cancelled; `{again('collect', job, arguments)}` shows what was measured")
    return ExitCode.OK
