"""Without a command: the wizard, where there is a person to ask."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def run(app: Mambench, arguments: Namespace) -> int:
    """Ask, measure, show. Raises UsageError without a terminal."""
    if not (app.terminal.interactive and sys.stdout.isatty()):
        raise UsageError(
            "without a terminal no questions can be asked",
            remedy="say what to measure: mambench run NAME ...; `mambench list` has the names",
        )
    from mambench.wizard import start

    start.run(app, plain=arguments.plain or app.environ.get("TERM") == "dumb")
    return ExitCode.OK
