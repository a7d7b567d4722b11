"""`slurm script`: the job's script alone; nothing is made, nothing is submitted."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.choices import choices_from
from mambench.cli.slurm import add_measurement, measurement, requested
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench slurm script`."""
    parser = commands.add(
        "script", "only print the job's script, for sbatch", run, example="script numpy-mkl --nodes 4 >job.sh"
    )
    add_measurement(parser)


def run(app: Mambench, arguments: Namespace) -> int:
    """Raises UsageError, SlurmError, ReportError."""
    from datetime import UTC, datetime

    from mambench.app.pythons import existing_specs
    from mambench.app.readying import planned
    from mambench.cli.output import print_document
    from mambench.cluster.script import script
    from mambench.cluster.slurm import Slurm

    request, _ = requested(arguments, Slurm(app.environ))
    choices = choices_from(arguments)
    planned(app, choices, [spec for text in arguments.python for spec in existing_specs(app, text, choices.benchmarks)])
    added = ["--yes"] if arguments.yes else []
    work = measurement(app, arguments.argv, *added)
    print_document(script(request, work, None, created=f"{datetime.now(UTC):%Y-%m-%d}"))
    return ExitCode.OK
