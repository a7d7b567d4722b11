"""`run`: measure what was asked for, show it, keep the report."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.choices import add_choices, choices_from
from mambench.cli.ending import exit_code
from mambench.cli.exports import (
    add_exports,
    add_summary,
    chosen,
    summary_options,
    with_placeholders_filled,
    write,
)
from mambench.cli.repeating import add_repeat, repeated, require_something
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.analysis.summary import SummaryOptions
    from mambench.app.context import Mambench
    from mambench.model import Plan, Report


def add(commands: Commands) -> None:
    """`mambench run`."""
    parser = commands.add(
        "run", "measure stacks and show a table", run,
        example="run numpy-openblas jax-cpu --preset quick --yes --json result.json", makes_environments=True,
    )  # fmt: skip
    add_choices(parser)
    add_repeat(parser)
    parser.add_argument("--fail-on-noise", action="store_true", help="exit code 4 if something disturbed a row")
    parser.add_argument("--yes", action="store_true", help="download without asking")
    parser.add_argument("--no-wait", action="store_true", help="refuse if another run is measuring here")
    parser.add_argument("--stage", metavar="DIR", help="run from copies on a disk of this computer, removed at the end")
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")
    parser.add_argument("--brief", action="store_true", help="one line a node; so is a run among several of a launcher")
    add_exports(parser, path_needed=True)
    add_summary(parser)
    parser.add_argument("--no-html", action="store_true", help="no page beside the report")


def run(app: Mambench, arguments: Namespace) -> int:
    """Measure what was asked for, and show it. Raises UsageError, ReportError, HomeError, Interrupted."""
    from functools import partial

    from mambench.app.consent import confirm
    from mambench.app.copy import copy_path
    from mambench.app.measure import measure

    require_something(arguments)
    arguments = with_placeholders_filled(arguments, app.launcher, hostname=app.machine.hostname)
    is_brief = _be_brief(app, arguments)
    wanted = chosen(arguments)
    page = copy_path(arguments.html, option="--html")
    if page == "-" or (page and arguments.no_html):
        raise UsageError("--html takes a file, and not --no-html", remedy="name a file: --html page.html")
    before = repeated(app, arguments.repeat, keep=[*wanted.values(), page])
    app.home.prepare()
    plan = _plan(app, arguments) if before is None else before.plan(app, offline=arguments.offline)
    across = summary_options(arguments, [[trial for stack in plan.stacks for trial in stack.trials]])
    _say_what_never_fits(app, plan)
    kept: list[Path] = []
    report = measure(
        app,
        plan,
        argv=arguments.argv,
        agree=partial(confirm, app, yes=arguments.yes),
        show=partial(_show, app, kept, wanted=wanted, page=page, no_page=arguments.no_html or is_brief, across=across),
        wait=not arguments.no_wait,
        stage=Path(arguments.stage) if arguments.stage else None,
    )
    is_measured = any(result.status == "ok" for result in report.results)
    if before is not None and is_measured and before.shows_slower(app, kept[-1], arguments.fail_slower):
        return ExitCode.SLOWER
    named = before if before is not None else plan.choices
    return exit_code(
        report, environments=named.environments, dtypes=named.dtypes, fail_on_noise=arguments.fail_on_noise
    )


def _be_brief(app: Mambench, arguments: Namespace) -> bool:
    """Whether one line is enough: others write beside us."""
    launcher = app.launcher
    if arguments.brief or (launcher is not None and (launcher.tasks or 1) > 1):
        app.terminal.be_brief(launcher.node if launcher is not None else app.machine.hostname)
        return True
    if launcher is not None:
        app.terminal.be_calm()
    return False


def _plan(app: Mambench, arguments: Namespace) -> Plan:
    """Of the command line's words. Raises UsageError, ManifestError."""
    from mambench.app.pythons import existing_specs
    from mambench.catalogue import plan as planning

    choices = choices_from(arguments)
    pythons = [spec for text in arguments.python for spec in existing_specs(app, text, choices.benchmarks)]
    return planning.build(choices, app.catalogue, app.machine, pythons)


def _say_what_never_fits(app: Mambench, plan: Plan) -> None:
    """Before anything is downloaded for it."""
    from mambench.catalogue import feasibility
    from mambench.model import Reason

    rows = [row for stack in plan.stacks if stack.failure is None for row in feasibility.refused(stack, app.machine)]
    for message in dict.fromkeys(failure.message for _, failure in rows if failure.reason == Reason.MEMORY):
        app.terminal.say(message)


def _show(
    app: Mambench,
    kept: list[Path],
    report: Report,
    path: Path,
    *,
    wanted: Mapping[str, str],
    page: str | None,
    no_page: bool,
    across: SummaryOptions,
) -> None:
    """The table, the page, and what else was asked for; the report's path goes into `kept`."""
    from mambench.app.pages import offer_page, write_page

    kept.append(path)
    app.terminal.report(report, path=str(path), across=across)
    write([report], wanted, across)
    if page:
        app.terminal.page(write_page(report, path, to=page, across=across))
    elif not no_page:
        offer_page(app.terminal, report, path, across=across)
