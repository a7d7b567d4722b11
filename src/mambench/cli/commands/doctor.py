"""`doctor`: what is wrong here, and how to fix it."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands, add_channel
from mambench.cli.output import code_of, print_json, show_findings
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench


def add(commands: Commands) -> None:
    """`mambench doctor`."""
    parser = commands.add("doctor", "what is wrong here, and how to fix it", run, json=True)
    add_channel(parser, "conda channels to try")
    parser.add_argument("--offline", action="store_true", help="use no network")
    parser.add_argument("--clean", action="store_true", help="only delete what no environment, report or log needs")


def run(app: Mambench, arguments: Namespace) -> int:
    """Show what was looked at; the exit code says whether something is wrong."""
    from dataclasses import asdict

    from mambench.app import doctor

    if arguments.clean:
        return _clean(app, as_json=arguments.json)
    findings = doctor.examine(app, channels=arguments.channel, offline=arguments.offline)
    if arguments.json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        show_findings(app.terminal, findings)
    return code_of(findings)


def _clean(app: Mambench, *, as_json: bool) -> int:
    from mambench.app.cleaning import clean
    from mambench.terminal.table import megabytes

    freed = clean(app)
    if as_json:
        print_json({"freed_bytes": freed})
    else:
        app.terminal.stop_progress()
        app.terminal.say(f"{megabytes(freed)} are free again ({freed:,} bytes)")
    return ExitCode.OK
