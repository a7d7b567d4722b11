"""`selftest`: PASS, or what is broken."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.output import print_document
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench selftest`."""
    commands.add("selftest", "whether this program works here, without a network", run, makes_environments=True)


def run(app: Mambench, _arguments: Namespace) -> int:
    """Try every part without a network, and show a table."""
    from mambench.app.selftest.examine import examine

    findings, report = examine(app)
    app.terminal.report(report, path="")
    app.terminal.rows("", ("part", "state", "found"), [(each.name, each.state, each.words) for each in findings])
    broken = [each.name for each in findings if each.state == "wrong"]
    print_document(f"FAIL: {', '.join(broken)}\n" if broken else "PASS\n")
    return ExitCode.OUR_FAULT if broken else ExitCode.OK
