"""What the commands of `slurm` share: what is asked of Slurm, the words for each node, and a job's outcome."""

from __future__ import annotations

import argparse
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING

from mambench.cli.arguments import Parser, apart
from mambench.cli.choices import add_choices
from mambench.cli.fleets import add_fleet_outputs
from mambench.errors import ExitCode, Interrupted, SlurmError, UsageError

if TYPE_CHECKING:
    from mambench.app.context import Mambench
    from mambench.cluster.follow import Seen, Watch
    from mambench.cluster.job import Absent, Job
    from mambench.cluster.script import Measurement, Request
    from mambench.cluster.slurm import Slurm

LARGEST_NODES = 100_000
STAGE = "/tmp"
"""A folder that every node has on a disk of its own, as a rule."""


def add_measurement(parser: argparse.ArgumentParser) -> None:
    """What is measured, and on which nodes; what stands behind `--` is sbatch's."""
    assert isinstance(parser, Parser)
    parser.behind = "options"
    parser.description = f"{parser.description} Words behind -- are options of sbatch."
    add_choices(parser)
    _add_stage(parser)
    _add_request(parser)
    parser.add_argument("--yes", action="store_true", help="download without asking")


def _add_stage(parser: argparse.ArgumentParser) -> None:
    text = f"run from copies on a disk of each node, removed at the end (default: {STAGE})"
    parser.add_argument("--stage", metavar="DIR", nargs="?", const=STAGE, help=text)


def _add_request(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nodes", metavar="N|all", required=True, help="how many, or all that can work")
    parser.add_argument("--partition", metavar="P", help="of Slurm; default its own")
    parser.add_argument("--account", metavar="A", help="of Slurm; default its own")
    parser.add_argument("--time", metavar="T", help="limit of the job, such as 30 or 1:30:00; default the partition's")
    parser.add_argument("--exclusive", action="store_true", help="whole nodes, nobody else on them")


def add_following(parser: argparse.ArgumentParser) -> None:
    """How the outcome is shown."""
    parser.add_argument("--quiet", action="store_true", help="no progress, only the table")
    add_fleet_outputs(parser)


def add_job(parser: argparse.ArgumentParser) -> None:
    """Which job a command is about."""
    parser.add_argument("job", nargs="?", metavar="JOB", help="its number; default the latest of this home")


# ------------------------------------------------------------------------------------------------- what is asked


def requested(arguments: Namespace, slurm: Slurm) -> tuple[Request, tuple[Absent, ...]]:
    """What is asked of Slurm, and the nodes that it gives to nobody. Raises UsageError, SlurmError."""
    from mambench.cluster.script import OWN_OPTIONS, Request

    if not (arguments.environments or arguments.all or arguments.python):
        raise UsageError("no stack is named", remedy="`mambench list` has the names; --all takes every one")
    if arguments.stage is not None and not arguments.stage.startswith("/"):
        raise UsageError(f"--stage {arguments.stage}: it takes an absolute path", remedy="write --stage=/tmp")
    if arguments.options and not arguments.options[0].startswith("-"):
        raise UsageError(f"{arguments.options[0]} is no option of sbatch", remedy="names of stacks stand before --")
    request = Request(
        nodes=0,
        partition=arguments.partition,
        account=arguments.account,
        time=arguments.time,
        exclusive=arguments.exclusive,
        options=tuple(arguments.options),
    )
    for short, name in OWN_OPTIONS.items():
        if request.asks_for(short, name):
            raise UsageError(f"{name} is an option of slurm {arguments.verb} itself", remedy="write it before --")
    return _with_nodes(request, arguments.nodes, slurm)


def _with_nodes(request: Request, text: str, slurm: Slurm) -> tuple[Request, tuple[Absent, ...]]:
    from dataclasses import replace

    from mambench.cluster.job import Absent

    if text != "all":
        if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= LARGEST_NODES:
            raise UsageError(f"--nodes {text}: it takes a number of nodes, or all")
        return replace(request, nodes=int(text)), ()
    slurm.require()
    nodes = slurm.nodes(request.partition)
    number = sum(each.can_work for each in nodes)
    if not number:
        raise SlurmError(f"no node can work: {nodes[0].name}: {nodes[0].why}", remedy="`sinfo -R` lists reasons")
    return replace(request, nodes=number), tuple(Absent(each.name, each.why) for each in nodes if not each.can_work)


def measurement(app: Mambench, argv: Sequence[str], *added: str) -> Measurement:
    """What each node runs: the words as they were typed, without those that are for Slurm and for the table."""
    from mambench.cluster.script import Measurement
    from mambench.system import mark, resources

    program = (sys.executable,) if resources.is_frozen() else (sys.executable, "-m", "mambench")
    names = [name for name in app.environ if name.startswith("MAMBENCH_") and name not in ("MAMBENCH_HOME", mark.NAME)]
    variables = {name: app.environ[name] for name in names}
    words = node_words(argv)
    more = [word for word in (*added, "--brief") if word not in words]
    return Measurement(program, ("run", *words, *more), str(app.home.root), variables)


def node_words(argv: Sequence[str]) -> list[str]:
    """Of `slurm run numpy-mkl --nodes 4 --size 64 -- --gres=gpu`: `numpy-mkl --size 64`."""
    own = Parser(add_help=False)
    _add_stage(own)
    _add_request(own)
    add_following(own)
    own.add_argument("--home")
    for name in ("--verbose", "--plain", "--yes", "--no-follow"):
        own.add_argument(name, action="store_true")
    arguments, words = own.parse_known_args(apart(argv)[0])
    return [*words[2:], *([f"--stage={arguments.stage}"] if arguments.stage else [])]


# --------------------------------------------------------------------------------------------- what comes of it


def watch(app: Mambench, job: Job) -> Watch:
    """Looks at a job from here."""
    from mambench.cluster.follow import Watch
    from mambench.cluster.slurm import Slurm

    return Watch(Slurm(app.environ), job, app.home.results)


def followed(app: Mambench, job: Job, arguments: Namespace) -> int:
    """Follow a job to its end, and show what it measured. Raises Interrupted, which leaves it alone, SlurmError."""
    from mambench.cluster.follow import follow

    latest: list[Seen] = []

    def tell(seen: Seen) -> None:
        latest[:] = [seen]
        run_time = seen.state.run_time if seen.state is not None and not seen.state.is_waiting else ""
        app.terminal.standing(f"job {job.id} {seen.line}", f"  {run_time}" if run_time else "")

    try:
        seen = follow(watch(app, job), tell)
    except (Interrupted, KeyboardInterrupt):
        app.terminal.stop_progress()
        is_over = latest and latest[0].state is not None and latest[0].state.is_over
        rest = "is over" if is_over else "goes on without it"
        app.terminal.say(f"Not followed any more; job {job.id} {rest}.")
        say_how_to_go_on(app, job, arguments)
        raise
    except SlurmError as error:
        error.remedy = f"{error.remedy}; `{again('cancel', job, arguments)}` cancels it"
        raise
    app.terminal.stop_progress()
    return shown(app, seen, arguments)


def shown(app: Mambench, seen: Seen, arguments: Namespace) -> int:
    """How a job ended, and the table of its nodes; gives the exit code."""
    from mambench.app import fleets
    from mambench.cli.fleets import outputs, show
    from mambench.cluster.collect import outcome

    got = outcome(seen)
    for told in got.sentences:
        app.terminal.say(f"{told.words}{f'; {told.remedy}' if told.remedy else ''}")
    if not got.reports:
        for each in got.missing:
            app.terminal.say(f"{each.node}: {each.why}")
        app.terminal.say(f"No report of job {seen.job.id} is in {app.home.results}.")
        return ExitCode.NOTHING
    names = [str(path) for path in got.reports]
    fleet = fleets.read(app, names, missing=got.missing, keep=outputs(arguments).files)
    return show(app, fleet, arguments)


def again(verb: str, job: Job, arguments: Namespace) -> str:
    """A command about this job, as it is to be typed."""
    import os
    import shlex

    home = ["--home", os.path.abspath(arguments.home)] if arguments.home else []
    return shlex.join(["mambench", "slurm", verb, job.id, *home])


def say_how_to_go_on(app: Mambench, job: Job, arguments: Namespace) -> None:
    """Three commands, one a line."""
    meanings = {"status": "how far it is", "collect": "what was measured", "cancel": "end it"}
    for verb, meaning in meanings.items():
        app.terminal.say(f"  {meaning:17}  {again(verb, job, arguments)}")
