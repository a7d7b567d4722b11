"""`env path`: the folder of an environment, for scripts."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.output import print_document
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench env path`."""
    parser = commands.add("path", "print an environment's folder", run, example="path numpy-mkl")
    parser.add_argument("environment", metavar="ENVIRONMENT")


def run(app: Mambench, arguments: Namespace) -> int:
    """Print it; UsageError where the environment is not ready."""
    from mambench.app.installed import ready

    print_document(f"{ready(app, arguments.environment).prefix}\n")
    return ExitCode.OK
