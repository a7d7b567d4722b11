"""`slurm status`: how far a job is, node by node; or all jobs of this home."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mambench.cli.arguments import Commands
from mambench.cli.slurm import add_job, watch
from mambench.errors import ExitCode

if TYPE_CHECKING:
    from mambench.app.context import Mambench
    from mambench.cluster.follow import Seen


def add(commands: Commands) -> None:
    """`mambench slurm status`."""
    parser = commands.add("status", "how far a job is, node by node", run, json=True, example="status 4711")
    add_job(parser)
    parser.add_argument("--all", action="store_true", help="a line for every job of this home")


def run(app: Mambench, arguments: Namespace) -> int:
    """Raises UsageError."""
    from mambench.cli.output import print_json
    from mambench.cluster.job import Jobs

    jobs = Jobs(app.home.slurm)
    chosen = list(jobs.all()) if arguments.all else [jobs.find(arguments.job)]
    looks = [watch(app, job).look() for job in chosen]
    if arguments.json:
        print_json({"jobs": [_as_dict(seen) for seen in looks]})
    elif arguments.all:
        rows = [
            (seen.job.id, _when(seen.job.submitted), str(seen.expected), _state(seen), seen.job.command)
            for seen in looks
        ]
        app.terminal.rows("", ("job", "submitted (UTC)", "nodes", "state", "command"), rows)
    else:
        _show(app, looks[0])
    return ExitCode.OK


def _when(stamp: str) -> str:
    """Of `20261129T170741Z`."""
    return f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]} {stamp[9:11]}:{stamp[11:13]}"


def _state(seen: Seen) -> str:
    if seen.state is None:
        return "Slurm does not answer" if seen.silence else "not known to Slurm any more"
    return seen.state.name.lower()


def _show(app: Mambench, seen: Seen) -> None:
    from mambench.analysis.groups import natural
    from mambench.cluster.collect import outcome

    app.terminal.paragraph(f"job {seen.job.id}: {_state(seen)}{_time(seen)}")
    for told in outcome(seen).sentences:
        app.terminal.paragraph(f"{told.words}{f'; {told.remedy}' if told.remedy else ''}")
    app.terminal.rows("", ("node", "how far", "report"), sorted(_nodes(seen), key=lambda row: natural(row[0])))
    if seen.job.folder is not None:
        app.terminal.paragraph(f"script and log: {seen.job.folder}")


def _time(seen: Seen) -> str:
    state = seen.state
    if state is None:
        return ""
    if state.is_waiting:
        return f", may start {state.start}" if state.start else ""
    limit = f" of {state.time_limit}" if state.time_limit else ""
    return f", {state.run_time}{limit}" if state.run_time else ""


def _nodes(seen: Seen) -> Iterator[tuple[str, str, str]]:
    """Each node, how far it is, and its report's name."""
    from mambench.cluster.collect import outcome

    for name, report in seen.reports.items():
        yield name, report.progress, report.path.name
    for each in outcome(seen).missing:
        yield each.node, each.why, ""


def _as_dict(seen: Seen) -> dict[str, Any]:
    from mambench.cluster.collect import outcome

    got = outcome(seen)
    return {
        **seen.job.as_dict(),
        "state": None if seen.state is None else seen.state.name,
        "reason": None if seen.state is None else seen.state.reason,
        "words": [told.words for told in got.sentences],
        "reports": [
            {"node": each.node, "file": str(each.path), "round": each.round, "rounds": each.rounds,
             "finished": each.finished, "complete": each.complete}
            for each in seen.reports.values()
        ],
        "missing": [{"node": each.node, "why": each.why} for each in got.missing],
    }  # fmt: skip
