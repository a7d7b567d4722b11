"""The table of a job's nodes: the fleet's."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add_fleet_outputs(parser: argparse.ArgumentParser) -> None:
    """Stand-in."""
    parser.add_argument("--json", metavar="PATH")


def show(app: Mambench, names: Sequence[str], missing: Sequence[Any], arguments: Namespace) -> int:
    """Stand-in."""
    from pathlib import Path

    from mambench.analysis.rows import figure
    from mambench.report import document

    rows = []
    for name in names:
        report = document.read(Path(name))
        rows += [
            (report.node, each.trial.stack_name, each.status, figure(each.rate.median) if each.rate else "-")
            for each in report.results
        ]
    app.terminal.rows("", ("node", "stack", "status", "median"), rows)
    for each in missing:
        app.terminal.say(f"{each.node} is missing: {each.why}")
    return ExitCode.NOT_OK if missing else ExitCode.OK
