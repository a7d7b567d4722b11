"""`selftest`: PASS, or what is broken."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.output import print_document
from mambench.errors import ExitCode, ReportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mambench.app.context import Mambench
    from mambench.app.findings import Finding


def add(commands: Commands) -> None:
    """`mambench selftest`."""
    parser = commands.add(
        "selftest", "whether this program works here, without a network", run, makes_environments=True
    )
    parser.add_argument(
        "--report", nargs="?", const="", metavar="FILE", help="write what a maintainer needs, and nothing private"
    )


def run(app: Mambench, arguments: Namespace) -> int:
    """Try every part without a network, and show a table. Raises ReportError."""
    from mambench.app.selftest.examine import examine

    findings, report = examine(app)
    app.terminal.report(report, path="")
    app.terminal.rows("", ("part", "state", "found"), [(each.name, each.state, each.words) for each in findings])
    broken = [each.name for each in findings if each.state == "wrong"]
    print_document(f"FAIL: {', '.join(broken)}\n" if broken else "PASS\n")
    if arguments.report is not None:
        _save(app, findings, arguments.report)
    return ExitCode.OUR_FAULT if broken else ExitCode.OK


def _save(app: Mambench, findings: Sequence[Finding], name: str) -> None:
    from pathlib import Path

    from mambench.app.selftest import maintainers

    path = Path(name) if name else app.home.root / maintainers.FILE_NAME
    try:
        path = path.absolute()
        maintainers.save(app, findings, path)
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}", remedy="name a file in another folder") from error
    app.terminal.say(f"Report for the maintainers, without names, folders and addresses: {path}")
