"""`env export`: the lock file of an environment, for the tools of its ecosystem."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.output import print_document
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench

STANDARD_OUTPUT = "-"


def add(commands: Commands) -> None:
    """`mambench env export`."""
    parser = commands.add(
        "export", "write the exact packages of an environment for conda, uv or pixi", run,
        example="export numpy-openblas --output pylock.toml",
    )  # fmt: skip
    parser.add_argument("environment", metavar="ENVIRONMENT")
    parser.add_argument(
        "--format",
        choices=("explicit", "pylock", "pixi"),
        help="explicit (conda, mamba), pylock (uv), pixi (pixi.lock, by py-rattler); default: that of its source",
    )
    parser.add_argument(
        "--output", metavar="FILE", default=STANDARD_OUTPUT, help="there; - is standard output (default)"
    )


def run(app: Mambench, arguments: Namespace) -> int:
    """Write it, and say what of it works here only. Raises UsageError, ReportError."""
    from mambench.app.copy import copy_path
    from mambench.app.export import export
    from mambench.app.pages import write_text

    path = copy_path(arguments.output, option="--output")
    exported = export(app, arguments.environment, arguments.format)
    if path in (None, STANDARD_OUTPUT):
        print_document(exported.text)
    else:
        write_text(Path(str(path)), exported.text)
    for sentence in exported.reservations:
        app.terminal.say(sentence)
    return ExitCode.OK
