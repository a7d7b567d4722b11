"""`results`: what was measured here; without a verb a list of it."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.commands.results import remove, show
from mambench.cli.output import print_json
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench

VERBS = (show, remove)


def add(commands: Commands) -> None:
    """`mambench results`, and its verbs."""
    verbs = commands.listing_group("results", "what was measured here, newest first", run, example="show latest")
    for verb in VERBS:
        verb.add(verbs)


def run(app: Mambench, arguments: Namespace) -> int:
    """The list; a report that cannot be read is named below it."""
    from mambench.app import results

    library = results.in_home(app)
    entries = results.entries(library)
    if arguments.json:
        problems = [{"file": str(file), "message": str(error)} for file, error in library.problems.items()]
        print_json({"results": [each.as_dict() for each in entries], "problems": problems})
        return ExitCode.OK
    if entries:
        rows = [(each.id, each.when, each.what, each.fastest, each.ending) for each in entries]
        app.terminal.rows("", ("id", "when (UTC)", "what", "fastest", "ended"), rows)
    elif not library.problems:
        app.terminal.say("nothing was measured yet; `mambench run NAME` measures")
    for error in library.problems.values():
        app.terminal.error(error)
    return ExitCode.OK
