"""`env create`: make environments without measuring."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands, add_source
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench env create`."""
    parser = commands.add(
        "create", "make environments without measuring", run,
        example="create numpy-openblas --yes", makes_environments=True,
    )  # fmt: skip
    parser.add_argument("environments", nargs="+", metavar="ENVIRONMENT")
    parser.add_argument("--lock", metavar="FILE", help="what it holds: an @EXPLICIT file or a pylock.toml")
    add_source(parser)
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(app: Mambench, arguments: Namespace) -> int:
    """Make them, and say where they are. Raises the first error."""
    import functools

    from mambench.app.consent import confirm
    from mambench.app.create import create
    from mambench.model import Choices

    choices = Choices(
        environments=tuple(arguments.environments),
        source=arguments.source,
        channels=tuple(arguments.channel),
        offline=arguments.offline,
    )
    agree = functools.partial(confirm, app, yes=arguments.yes)
    lock = Path(arguments.lock) if arguments.lock is not None else None
    for environment in create(app, choices, agree=agree, lock=lock):
        app.terminal.stop_progress()
        app.terminal.say(f"{environment.key} is ready in {environment.prefix}")
    return ExitCode.OK
