"""`slurm run`: make the environments once, submit a job that measures on every node, follow it."""

from __future__ import annotations

from argparse import Namespace
from typing import TYPE_CHECKING

from mambench.cli.arguments import Commands
from mambench.cli.choices import choices_from
from mambench.cli.slurm import add_following, add_measurement, followed, measurement, requested, say_how_to_go_on
from mambench.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench
    from mambench.cluster.script import Measurement, Request
    from mambench.model import Plan


def add(commands: Commands) -> None:
    """`mambench slurm run`."""
    parser = commands.add(
        "run", "make the environments, submit a job, follow it to the table of its nodes", run,
        example="run numpy-mkl --nodes all --exclusive --preset quick -- --constraint=ib", makes_environments=True,
    )  # fmt: skip
    add_measurement(parser)
    parser.add_argument("--no-follow", action="store_true", help="end as soon as the job is submitted")
    add_following(parser)


def run(app: Mambench, arguments: Namespace) -> int:
    """Raises UsageError, SlurmError, HomeError, ProvisionError, UnavailableError, Interrupted."""
    import shlex

    from mambench.analysis.words import counted
    from mambench.app.pythons import existing_specs
    from mambench.app.readying import planned
    from mambench.cluster.job import Jobs
    from mambench.cluster.slurm import Slurm
    from mambench.cluster.submit import Order, submit
    from mambench.system import places

    _require_use_of_outputs(arguments)
    slurm = Slurm(app.environ)
    slurm.require()
    request, absent = requested(arguments, slurm)
    choices = choices_from(arguments)
    pythons = [spec for text in arguments.python for spec in existing_specs(app, text, choices.benchmarks)]
    plan = planned(app, choices, pythons)
    app.home.prepare()
    if kind := places.own_disk(app.home.root):
        app.terminal.say(f"warning: the home {app.home.root} is {kind}, which other nodes may not see")
    for each in absent:
        app.terminal.say(f"{each.node} is left out: {each.why}")
    _say_what_is_shared(app, request)
    order = Order(request, measurement(app, arguments.argv), absent, shlex.join(["mambench", *arguments.argv]))
    job = submit(slurm, Jobs(app.home.slurm), order, make=lambda: _made(app, arguments, plan))
    app.terminal.say(f"job {job.id} is submitted for {counted(job.nodes, 'node')}; its script and log: {job.folder}")
    if arguments.no_follow:
        say_how_to_go_on(app, job, arguments)
        return ExitCode.OK
    return followed(app, job, arguments)


def _require_use_of_outputs(arguments: Namespace) -> None:
    """Files that could not be written are told before an hour is measured. Raises UsageError, ReportError."""
    from mambench.cli.fleets import Outputs, outputs

    if outputs(arguments) != Outputs(None, None, None) and arguments.no_follow:
        raise UsageError("--no-follow writes nothing", remedy="`mambench slurm collect` takes --html, --csv and --json")


def _say_what_is_shared(app: Mambench, request: Request) -> None:
    from mambench.cluster.script import MEASURES_ALONE

    if not request.exclusive and not request.asks_for(*MEASURES_ALONE):
        app.terminal.say(
            "without --exclusive Slurm may give one core of each node, and other jobs may run beside what is measured"
        )


def _made(app: Mambench, arguments: Namespace, plan: Plan) -> Measurement:
    """What each node does, once its environments are made. Raises what making them does, UsageError."""
    from functools import partial

    from mambench.app.consent import confirm
    from mambench.app.readying import make_ready

    later = make_ready(app, plan, agree=partial(confirm, app, yes=arguments.yes))
    app.terminal.stop_progress()
    if not later:
        return measurement(app, arguments.argv, "--offline")
    words = f"{', '.join(later)}: the first node makes it, as this computer has no device for it"
    if not arguments.yes:
        if not app.terminal.interactive:
            raise UsageError(words, remedy="add --yes to let that node download it, or leave it out")
        if not app.terminal.confirm(f"{words}; it downloads without asking. Go on?"):
            raise UsageError(f"{', '.join(later)}: not to be downloaded, as you chose", remedy="leave it out")
    else:
        app.terminal.say(words)
    return measurement(app, arguments.argv, *(["--offline"] if plan.choices.offline else ["--yes"]))
