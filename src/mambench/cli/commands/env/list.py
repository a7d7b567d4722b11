"""`env list`: what is installed, with sizes."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING, Any

from mambench.cli.arguments import Commands
from mambench.cli.output import print_json
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench env list`."""
    commands.add("list", "what is installed, with sizes", run, json=True)


def run(app: Mambench, arguments: Namespace) -> int:
    """Show every prefix in the home, wrecks too."""
    from mambench.app.installed import installed
    from mambench.terminal.table import megabytes

    entries = installed(app.home)
    if arguments.json:
        print_json({"environments": [each.as_dict() for each in entries]})
    elif not entries:
        app.terminal.say("no environment is installed; `mambench env create NAME` or `mambench run NAME` make one")
    else:
        rows: list[tuple[Any, ...]] = [
            (
                each.name,
                each.source if each.state == "ready" else each.state,
                each.python or "",
                megabytes(each.size_bytes),
                megabytes(each.freed_bytes),
                str(each.prefix),
            )
            for each in entries
        ]
        app.terminal.rows("", ("stack", "source", "python", "size", "not shared", "folder"), rows)
    return ExitCode.OK
