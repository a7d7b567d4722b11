"""`slurm collect`: the table of what a job's nodes measured so far."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.slurm import add_following, add_job, followed, shown, watch

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench slurm collect`."""
    parser = commands.add("collect", "the table of what a job measured, so far", run, example="collect 4711")
    add_job(parser)
    parser.add_argument("--follow", action="store_true", help="first follow it to its end")
    add_following(parser)


def run(app: Mambench, arguments: Namespace) -> int:
    """Raises UsageError, SlurmError, ReportError, Interrupted."""
    from mambench.cluster.job import Jobs

    job = Jobs(app.home.slurm).find(arguments.job)
    return followed(app, job, arguments) if arguments.follow else shown(app, watch(app, job).look(), arguments)
