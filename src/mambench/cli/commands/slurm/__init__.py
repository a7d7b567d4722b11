"""`slurm`: measure on many nodes by one job; one verb, one file."""

from __future__ import annotations

from mambench.cli.arguments import Commands
from mambench.cli.commands.slurm import cancel, collect, run, script, status

VERBS = (run, script, status, collect, cancel)


def add(commands: Commands) -> None:
    """`mambench slurm VERB`."""
    verbs = commands.group("slurm", "measure on many nodes by a Slurm job", example="run numpy-mkl --nodes 4")
    for verb in VERBS:
        verb.add(verbs)
