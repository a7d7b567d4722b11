"""`results show`: one result again, as its run ended."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench results show`."""
    parser = commands.add("show", "one result again, as a table", run, example="show latest")
    parser.add_argument("result", metavar="ID", help="from the list, `latest`, or a file")


def run(app: Mambench, arguments: Namespace) -> int:
    """Raises ReportError."""
    from mambench.report import document, library

    file = library.find(arguments.result, app.home.results)
    app.terminal.report(document.read(file), path=str(file.absolute()))
    return ExitCode.OK
