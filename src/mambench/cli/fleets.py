"""How a fleet is shown, written and turned into an exit code: `fleet` and the commands for Slurm share it."""

from __future__ import annotations

import argparse
from argparse import Namespace
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import percent
from mambench.cli.exports import STANDARD_OUTPUT
from mambench.cli.output import print_document
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.analysis.fleet import Fleet
    from mambench.app.context import Mambench


def add_fleet_outputs(parser: argparse.ArgumentParser) -> None:
    """`--html`, `--csv`, `--json` and `--fail-slower`."""
    parser.add_argument("--html", metavar="PATH", help="the fleet as a page: one dot a node")
    for name, words in (("csv", "one line a node and row"), ("json", "all of it as JSON")):
        text = f"{words} (default: standard output)"
        parser.add_argument(f"--{name}", nargs="?", const=STANDARD_OUTPUT, metavar="PATH", help=text)
    parser.add_argument(
        "--fail-slower",
        nargs="?",
        const=0.0,
        type=percent,
        metavar="P%",
        help="exit code 6 if a node is slow, with a percentage by more than that, or has a wrong result; else it is 5 "
        "if a report cannot be read, and 4 if a node has a wrong result, failed rows, no complete report or none",
    )


@dataclass(frozen=True)
class Outputs:
    """Where the fleet is written, known to be possible."""

    page: str | None
    csv: str | None
    json: str | None

    @property
    def files(self) -> list[Path]:
        """Without standard output."""
        return [Path(path) for path in (self.page, self.csv, self.json) if path and path != STANDARD_OUTPUT]


def outputs(arguments: Namespace) -> Outputs:
    """What was asked for. Raises UsageError, and ReportError where nothing can be written."""
    from mambench.app.copy import copy_path

    names = ("html", "csv", "json")
    paths = Outputs(*(copy_path(getattr(arguments, name), option=f"--{name}") for name in names))
    if paths.page == STANDARD_OUTPUT:
        raise UsageError("--html needs a file", remedy="name one: --html fleet.html")
    if paths.csv == paths.json == STANDARD_OUTPUT:
        raise UsageError("standard output takes one document", remedy="name a file for one of --csv and --json")
    return paths


def show(app: Mambench, fleet: Fleet, arguments: Namespace) -> ExitCode:
    """Print the answer and the table, write what was asked for. Raises UsageError, ReportError, BrokenPipeError."""
    paths = outputs(arguments)
    app.terminal.fleet(fleet)
    _write(app, fleet, paths, arguments)
    return exit_code(fleet, arguments.fail_slower)


def _write(app: Mambench, fleet: Fleet, paths: Outputs, arguments: Namespace) -> None:
    from mambench.app.pages import materials, write_text
    from mambench.report import document
    from mambench.report import fleet as texts
    from mambench.system import process

    if paths.page:
        command = " ".join(process.quoted(("mambench", *arguments.argv), app.machine.platform))
        write_text(Path(paths.page), texts.page(fleet, materials(), command=command))
        app.terminal.say(f"Page: {paths.page}")
    if paths.csv:
        _put(texts.csv(fleet), paths.csv)
    if paths.json:
        _put(document.text_of(texts.to_dict(fleet)), paths.json)


def _put(text: str, path: str) -> None:
    from mambench.app.pages import write_text

    if path == STANDARD_OUTPUT:
        print_document(text)
    else:
        write_text(Path(path), text)


def exit_code(fleet: Fleet, fail_slower: float | None) -> ExitCode:
    """6 before 5 before 4, as `compare`: what was asked for most plainly counts most."""
    if fail_slower is not None and (fleet.wrong or fleet.slower_than(fail_slower)):
        return ExitCode.SLOWER
    if fleet.problems:
        return ExitCode.FILE
    return ExitCode.NOT_OK if fleet.wrong or fleet.failed or fleet.incomplete or fleet.missing else ExitCode.OK
