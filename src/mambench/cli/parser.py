"""The parser: every command, by reference to the module that has it."""

from __future__ import annotations

import argparse
from typing import Any

from mambench import __version__
from mambench.cli.arguments import Commands, Parser, set_call
from mambench.cli.commands import (
    compare,
    completion,
    doctor,
    env,
    fetch,
    fleet,
    history,
    info,
    list,
    new,
    report,
    results,
    run,
    selftest,
    slurm,
    wizard,
)
from mambench.errors import ExitCode

COMMANDS = (
    run, report, results, history, compare, fleet, slurm, list, info, doctor, selftest, env, fetch, new, completion,
)  # fmt: skip
"""In the order in which `--help` lists them."""

_EPILOGUE = f"""examples:
  mambench                                       ask what to measure
  mambench run numpy-openblas torch-cpu --preset quick
  mambench run --all --yes --json result.json    everything that can run here, unattended
  mambench report --html                         the latest result as a page, beside its file
  mambench results                               what was measured here
  mambench list                                  what can run here, and why the rest cannot

Nothing leaves this computer. Everything is kept in one folder: --home, or MAMBENCH_HOME.

exit codes:
{"".join(f"  {code:<3}  {code.words}{chr(10)}" for code in ExitCode)}"""


def parser() -> argparse.ArgumentParser:
    """The whole command line; without a command it is the wizard's."""
    whole = Parser(
        prog="mambench",
        description="Measures matrix multiplication and more in isolated environments, and verifies every result.",
        epilog=_EPILOGUE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    whole.add_argument("--version", action="version", version=f"mambench {__version__}")
    verbose: dict[str, Any] = {"action": "store_true", "help": "show mambench's own log: commands, causes, tracebacks"}
    whole.add_argument("--home", metavar="DIR", default=None, help=argparse.SUPPRESS)
    whole.add_argument("--verbose", **verbose)
    whole.add_argument("--plain", action="store_true", help="ask in plain lines, for screen readers")
    set_call(whole, "wizard", wizard.run, makes_environments=True)
    # Behind a command as well as before it: without SUPPRESS the default behind would undo what stands before.
    common = Parser(add_help=False)
    common.add_argument("--home", metavar="DIR", default=argparse.SUPPRESS, help="the one folder that holds everything")
    common.add_argument("--verbose", default=argparse.SUPPRESS, **verbose)
    commands = Commands(whole, common)
    for command in COMMANDS:
        command.add(commands)
    return whole
