"""`report`: show an earlier result again, as a table, a page, or a text for other programs."""

from __future__ import annotations

import os
from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.exports import STANDARD_OUTPUT, TEXTS, add_exports, add_summary, chosen, summary_options, write
from mambench.cli.output import print_document
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.analysis.summary import SummaryOptions
    from mambench.app.context import Mambench
    from mambench.model import Report

TOOLS = ("bencher", "github-action-benchmark")


def add(commands: Commands) -> None:
    """`mambench report`."""
    parser = commands.add(
        "report", "show a result again, or turn it into another format", run, example="report latest --html page.html"
    )
    parser.add_argument("results", nargs="*", metavar="RESULT", help="files, ids, or `latest` (default)")
    add_exports(parser, path_needed=False)
    add_summary(parser)
    parser.add_argument("--format", choices=TOOLS, metavar="NAME", help=f"for another tool: {', '.join(TOOLS)}")


def run(app: Mambench, arguments: Namespace) -> int:
    """Read first, all of them; then write. Raises ReportError, UsageError."""
    from mambench.report import document, library

    _refuse_to_overwrite(arguments)
    wanted = chosen(arguments)
    if arguments.format:
        if STANDARD_OUTPUT in wanted.values():
            raise UsageError("standard output takes one document", remedy="name files for the others")
        wanted[arguments.format] = STANDARD_OUTPUT
    files = [library.find(name, app.home.results) for name in arguments.results or [library.LATEST]]
    reports = [document.read(file) for file in files]
    across = summary_options(arguments, ([row.trial for row in report.results] for report in reports))
    if arguments.html is not None:
        _write_pages(app, reports, files, arguments.html, across)
    write(reports, wanted, across)
    if not wanted and arguments.html is None:
        for report, file in zip(reports, files, strict=True):
            app.terminal.report(report, path=str(file.absolute()), across=across)
    return ExitCode.OK


def _refuse_to_overwrite(arguments: Namespace) -> None:
    """`report --csv RESULT.json` would read as: write CSV over that report."""
    for name in ("html", *TEXTS):
        path = getattr(arguments, name.replace("-", "_"))
        if path and path.endswith(".json") and (name != "json" or os.path.exists(path)):
            raise UsageError(
                f"--{name} {path} would write over a report",
                remedy=f"put names of reports first: mambench report {path} --{name}",
            )


def _write_pages(app: Mambench, reports: list[Report], files: list[Path], where: str, across: SummaryOptions) -> None:
    """Beside each report, or all where the option says. Raises ReportError, UsageError."""
    from mambench.app.pages import page_of, write_text

    if where == STANDARD_OUTPUT and len(files) == 1:
        return print_document(page_of(reports[0], files[0], across))
    folder = Path(where) if where and os.path.isdir(where) else None
    if where and folder is None and len(files) > 1:
        raise UsageError(f"--html {where}: {len(files)} pages need a folder that exists", remedy="name one")
    for report, file in zip(reports, files, strict=True):
        beside = file.with_suffix(".html")
        path = folder / beside.name if folder else Path(where) if where else beside
        write_text(path, page_of(report, file, across))
        app.terminal.say(f"Page: {path}")
    return None
