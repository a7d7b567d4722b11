"""`env check`: whether the files of environments are as their packages have them."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.output import code_of, show_findings

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench env check`."""
    parser = commands.add(
        "check", "find damaged files, in the caches too", run, example="check numpy-mkl --full", keeps_log=True
    )
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT", help="all of them where none is named")
    parser.add_argument("--full", action="store_true", help="compare the content of files, not only their sizes")
    parser.add_argument("--repair", action="store_true", help="make damaged environments anew")


def run(app: Mambench, arguments: Namespace) -> int:
    """Show what was looked at; the exit code says whether something is damaged."""
    from mambench.app.checking import check

    findings = list(check(app, arguments.environments, full=arguments.full, repair=arguments.repair))
    app.terminal.stop_progress()
    if findings:
        show_findings(app.terminal, findings)
    else:
        app.terminal.say("no environment is installed")
    return code_of(findings)
