"""`completion`: the script by which a shell completes commands, options and names."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from typing import TYPE_CHECKING, Any

from mambench.cli.arguments import Commands
from mambench.errors import ExitCode
from mambench.system import streams

if TYPE_CHECKING:
    from mambench.app.context import Mambench

SHELLS = ("bash", "zsh", "fish", "powershell")


class _Print(argparse.Action):
    """Like `--help` it prints and ends: no home is looked for and no log kept while a shell starts."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        del namespace, option_string
        from mambench.cli.completing import script

        streams.write(script(self.const, values), sys.stdout)
        parser.exit()


def add(commands: Commands) -> None:
    """`mambench completion`."""
    parser = commands.add(
        "completion", "print what makes a shell complete names and options", run, example="completion bash"
    )
    parser.add_argument(
        "shell", choices=SHELLS, action=_Print, const=commands.parser, metavar="SHELL", help=", ".join(SHELLS)
    )


def run(app: Mambench, arguments: Namespace) -> int:
    """Nothing is left to be done."""
    del app, arguments
    return ExitCode.OK
