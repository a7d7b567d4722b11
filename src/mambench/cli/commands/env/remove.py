"""`env remove`: delete environments."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench env remove`."""
    parser = commands.add("remove", "delete environments", run, example="remove jax-cpu", keeps_log=True)
    parser.add_argument("environments", nargs="*", metavar="ENVIRONMENT")
    parser.add_argument("--all", action="store_true", help="all of them, the caches and the kit")


def run(app: Mambench, arguments: Namespace) -> int:
    """Remove environments of these names, whatever their source; `--all` takes the caches and the kit too."""
    from mambench.analysis.words import counted
    from mambench.app import installed
    from mambench.environments import prefix
    from mambench.terminal.table import megabytes

    names = arguments.environments
    if not (names or arguments.all):
        raise UsageError("env remove needs a name", remedy="`mambench env list` has them; --all removes everything")
    entries = list(prefix.existing(app.home)) if arguments.all else installed.named(app.home, names)
    command = " ".join(("mambench env remove", *names))
    has_kit = arguments.all and app.home.kit.is_dir()
    freed = installed.remove(app, entries, and_caches=arguments.all, command=command)
    app.terminal.stop_progress()
    kit = ", the caches and the kit" if has_kit else ""
    app.terminal.say(f"removed {counted(len(entries), 'environment')}{kit}, {megabytes(freed)} are free again")
    return ExitCode.OK
