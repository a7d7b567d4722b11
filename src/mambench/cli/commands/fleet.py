"""`fleet`: the reports of many nodes, and which of them are wrong, missing or slow."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.fleets import add_fleet_outputs, outputs, show

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench fleet`."""
    parser = commands.add(
        "fleet", "which of many nodes are slow, failed or computed a wrong product", run, example="fleet /shared/out"
    )
    parser.add_argument(
        "reports", nargs="+", metavar="REPORT", help="files, ids, `latest`, or folders of reports of many computers"
    )
    parser.add_argument(
        "--nodes", metavar="LIST", help="nodes that should have a report: names with commas, or a file of names"
    )
    add_fleet_outputs(parser)


def run(app: Mambench, arguments: Namespace) -> int:
    """Read, judge, show, write. Raises ReportError where nothing can be read, UsageError."""
    from mambench.app import fleets

    files = outputs(arguments).files
    nodes = fleets.nodes_named(arguments.nodes) if arguments.nodes else []
    return show(app, fleets.read(app, arguments.reports, nodes=nodes, keep=files), arguments)
