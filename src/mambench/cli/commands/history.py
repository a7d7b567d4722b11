"""`history`: one stack over time on this machine, with what changed in between."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.exports import STANDARD_OUTPUT
from mambench.cli.output import print_json
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench
    from mambench.report.history import Histories

MAX_LINES = 40
"""Of one trial in the terminal: the newest."""

COLUMNS = ("when (UTC)", "id", "rate", "95 % interval", "to the one before", "")
"""The last one marks where something changed; what that was stands below the table."""


def add(commands: Commands) -> None:
    """`mambench history`."""
    parser = commands.add(
        "history", "what was measured here over time, and what changed", run, json=True, example="history numpy-mkl"
    )
    parser.add_argument("trial", nargs="?", default="", metavar="TRIAL", help="a part of its name: numpy-mkl, float64")
    parser.add_argument("--html", metavar="PATH", help="as a page")


def run(app: Mambench, arguments: Namespace) -> int:
    """Every trial that has the words in its name. Raises UsageError where none has them."""
    from mambench.analysis.history import histories
    from mambench.app.copy import copy_path
    from mambench.app.results import in_home
    from mambench.report import history

    page = copy_path(arguments.html, option="--html")
    if page == STANDARD_OUTPUT:
        raise UsageError("--html needs a file", remedy="name one: --html history.html")
    library = in_home(app)
    whole = histories(library.digests.values())
    chosen = {trial: points for trial, points in whole.items() if arguments.trial in trial.key}
    if whole and not chosen:
        names = ", ".join(sorted({trial.stack_name for trial in whole}))
        raise UsageError(f"no trial has {arguments.trial!r} in its name", remedy=f"measured here: {names}")
    if arguments.json:
        problems = [{"file": str(file), "message": str(error)} for file, error in library.problems.items()]
        print_json({"trials": history.to_list(chosen), "problems": problems})
    else:
        _show(app, chosen)
        for error in library.problems.values():
            app.terminal.error(error)
    if page:
        _write(app, chosen, arguments, Path(page))
    return ExitCode.OK


def _show(app: Mambench, chosen: Histories) -> None:
    from mambench.report import history

    if not chosen:
        app.terminal.say("nothing was measured yet; `mambench run NAME` measures")
    for trial, points in chosen.items():
        rows = [history.cells(point) for point in points[-MAX_LINES:]]
        app.terminal.rows(history.title(trial), COLUMNS, [(*row[:-1], "*" if row[-1] else "") for row in rows])
        for when, name, *_, changed in rows:
            if changed:
                app.terminal.paragraph(f"* {when} ({name}): {changed}")
        if len(points) > MAX_LINES:
            app.terminal.say(f"{len(points) - MAX_LINES:,} earlier ones are not shown; --json has them")


def _write(app: Mambench, chosen: Histories, arguments: Namespace, path: Path) -> None:
    from mambench.app.pages import materials, write_text
    from mambench.report import history
    from mambench.system import process

    command = " ".join(process.quoted(("mambench", *arguments.argv), app.machine.platform))
    write_text(path, history.page(chosen, materials(), command=command))
    app.terminal.say(f"Page: {path}")
