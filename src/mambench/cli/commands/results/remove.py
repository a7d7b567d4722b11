"""`results remove`: delete results, with their pages and logs."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench results remove`."""
    parser = commands.add("remove", "delete results, with their pages and logs", run, example="remove 0123abcd")
    parser.add_argument("results", nargs="+", metavar="ID", help="from the list, or `latest`")


def run(app: Mambench, arguments: Namespace) -> int:
    """All of them must be known before one is deleted. Raises ReportError, UsageError, HomeError."""
    from mambench.analysis.words import counted
    from mambench.app import results
    from mambench.report import library

    files = list(dict.fromkeys(library.find(name, app.home.results) for name in arguments.results))
    results.remove(app, files)
    app.terminal.stop_progress()
    app.terminal.say(f"removed {counted(len(files), 'result')}")
    return ExitCode.OK
