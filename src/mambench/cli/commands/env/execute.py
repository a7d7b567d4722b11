"""`env exec`: a person's own command in an environment."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.errors import UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench
    from mambench.model import Environment

SIGNAL_EXIT = 128
"""A shell gives a program that was ended by a signal this and the signal's number."""

_OTHER_ENVIRONMENTS = ("PYTHONHOME", "PYTHONPATH", "CONDA_PREFIX")
"""Variables that would lead a python out of this one."""


def add(commands: Commands) -> None:
    """`mambench env exec`."""
    parser = commands.add("exec", "run a command in an environment", run, example="exec numpy-mkl -- python mine.py")
    parser.add_argument("environment", metavar="ENVIRONMENT")
    parser.add_argument("command_line", nargs=argparse.REMAINDER, metavar="-- COMMAND")


def run(app: Mambench, arguments: Namespace) -> int:
    """Run the command with the right PATH, and give its exit code."""
    import shutil

    from mambench.app import homes
    from mambench.app.installed import ready
    from mambench.system import foreground, process, supervision

    words = arguments.command_line
    command = words[1:] if words[:1] == ["--"] else words
    if not command:
        raise UsageError("env exec needs a command", remedy=f"mambench env exec {arguments.environment} -- python")
    homes.require_safe(app.home, app.terminal.say)
    child = _variables(app, ready(app, arguments.environment))
    # Windows would look along our own PATH.
    program = shutil.which(command[0], path=next((child[name] for name in child if name.upper() == "PATH"), ""))
    if program is None:
        raise UsageError(f"cannot run {command[0]}: there is no such program", remedy="name it, or write its path")
    try:
        code = foreground.run([program, *command[1:]], environ=child, umask=supervision.persons_umask())
    except process.StartError as error:
        raise UsageError(f"cannot run {command[0]}: {error.strerror}") from error
    return code if code >= 0 else SIGNAL_EXIT - code


def _variables(app: Mambench, environment: Environment) -> Mapping[str, str]:
    """The person's own, as after an activation."""
    from mambench.environments import activation

    assert environment.prefix is not None
    platform = app.machine.platform
    variables = {name: value for name, value in app.environ.items() if name not in _OTHER_ENVIRONMENTS}
    active = "CONDA_PREFIX" if environment.source == "conda" else "VIRTUAL_ENV"
    variables |= {**environment.variables, active: str(environment.prefix)}
    return activation.with_path(platform, variables, activation.search_path(platform, environment.prefix))
