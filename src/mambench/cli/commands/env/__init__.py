"""`env`: the environments in the home; one verb, one file."""

from __future__ import annotations

from mambench.cli.arguments import Commands
from mambench.cli.commands.env import check, create, execute, export, list, path, remove

VERBS = (list, create, check, remove, path, execute, export)


def add(commands: Commands) -> None:
    """`mambench env VERB`."""
    verbs = commands.group("env", "the environments in the home", example="list")
    for verb in VERBS:
        verb.add(verbs)
