"""`run --repeat`: which report, which words go with it, and the comparison at the end."""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import add_fail_slower
from mambench.errors import UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench
    from mambench.model import Plan, Report

TOLD_BY_THE_REPORT = (
    "all", "benchmark", "preset", "size", "shape", "batch", "param", "dtype", "device", "gpus", "at_once", "threads",
    "rounds", "until_sure", "warmup", "sustained", "timeout", "max_run_seconds", "python", "channel",
)  # fmt: skip
"""Options that would make a repetition another measurement."""


def add_repeat(parser: argparse.ArgumentParser) -> None:
    """`--repeat`, and what goes with it alone."""
    parser.add_argument(
        "--repeat", metavar="RESULT", help="the environments and rows of a report again; then compare with it"
    )
    add_fail_slower(parser, "with --repeat: exit code 6 if a row is proven slower, by more than this")


def require_something(arguments: Namespace) -> None:
    """Stacks by name, all of them, or a report, which tells all the rest. Raises UsageError."""
    if arguments.repeat is None:
        if arguments.fail_slower is not None:
            raise UsageError("--fail-slower needs something to compare with", remedy="name a report with --repeat")
        if not (arguments.environments or arguments.all or arguments.python):
            raise UsageError(
                "run needs the name of a stack", remedy="`mambench list` has the names; --all takes every one"
            )
        return
    told = [f"--{name.replace('_', '-')}" for name in TOLD_BY_THE_REPORT if getattr(arguments, name)]
    told += ["--source"] if arguments.source != "auto" else []
    if arguments.environments or told:
        words = ", ".join([*arguments.environments, *told])
        raise UsageError(f"--repeat measures what the report tells, not {words}", remedy=f"leave out {words}")


@dataclass(frozen=True)
class Before:
    """The report that is repeated."""

    file: Path
    report: Report

    def plan(self, app: Mambench, *, offline: bool) -> Plan:
        """The same once more; says what cannot be the same. Raises UsageError, UnavailableError, ReportError."""
        from mambench.analysis.words import counted
        from mambench.app.repeating import plan_of
        from mambench.environments import locks

        plan = plan_of(app, self.report, offline=offline)
        rows = counted(sum(len(stack.trials) for stack in plan.stacks), "row")
        hosts = " and ".join(sorted({host for stack in plan.stacks if (host := locks.hosts(stack.spec))}))
        packages = f"; its packages are those of {hosts}" if hosts else ""
        when, where = self.report.created[:16].replace("T", " "), self.report.machine.hostname
        app.terminal.say(f"repeating run {self.report.run_id[:8]} of {when} on {where}, {rows}{packages}")
        for words in plan.differences:
            app.terminal.say(f"not the same: {words}")
        return plan

    def shows_slower(self, app: Mambench, after: Path, part: float | None) -> bool:
        """Show the comparison; whether a row is proven slower than asked for. Raises ReportError."""
        from mambench.analysis.matching import slower_than
        from mambench.app.comparing import compare

        pairs = compare(app, [str(self.file)], [str(after)], keep=[]).pairs
        app.terminal.blank()
        app.terminal.comparison(pairs)
        return part is not None and any(slower_than(pair, part) for pair in pairs)

    @property
    def environments(self) -> set[str]:
        """The stacks that had a number: they are to have one again."""
        return {result.trial.stack.name for result in self.report.results if result.status == "ok"}

    @property
    def dtypes(self) -> set[str]:
        """The same of element types."""
        return {result.trial.dtype for result in self.report.results if result.status == "ok"}


def repeated(app: Mambench, name: str | None, *, keep: Sequence[str | None]) -> Before | None:
    """The report that `--repeat` names, if it does; `keep` will be written. Raises ReportError, UsageError."""
    if name is None:
        return None
    from mambench.app.comparing import refuse_to_overwrite
    from mambench.report import document, library

    file = library.find(name, app.home.results)
    refuse_to_overwrite([Path(path) for path in keep if path and path != "-"], [file])
    return Before(file, document.read(file))
