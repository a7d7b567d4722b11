"""`selftest`: PASS, or what is broken."""

from __future__ import annotations

from argparse import Namespace

from mambench.app import selftest as trying
from mambench.app.context import Mambench
from mambench.cli.output import print_document
from mambench.errors import ExitCode


def selftest(app: Mambench, _arguments: Namespace) -> int:
    """Try every part without a network, show a table, and give the exit code."""
    findings, report = trying.examine(app)
    app.terminal.report(report, (), path="")
    rows = [(each.name, each.state, each.message + (f"; {each.remedy}" if each.remedy else "")) for each in findings]
    app.terminal.rows("", ("part", "state", "found"), rows)
    broken = [each.name for each in findings if each.state == "wrong"]
    print_document(f"FAIL: {', '.join(broken)}\n" if broken else "PASS\n")
    return ExitCode.OUR_FAULT if broken else ExitCode.OK
