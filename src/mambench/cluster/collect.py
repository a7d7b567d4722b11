"""What a job gave: the reports of its nodes, those that are missing and why, and how it ended in sentences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mambench.analysis.fleet import Missing
from mambench.analysis.groups import natural
from mambench.cluster import joblog, states
from mambench.cluster.follow import Seen
from mambench.cluster.hostlist import shortened
from mambench.cluster.job import LOG, Job
from mambench.cluster.states import Told


@dataclass(frozen=True)
class Outcome:
    """The reports that there are, the nodes that have none, and what a person should know."""

    reports: tuple[Path, ...]
    missing: tuple[Missing, ...]
    sentences: tuple[Told, ...] = ()


def outcome(seen: Seen) -> Outcome:
    """Of a job as it stands."""
    reports = tuple(seen.reports[name].path for name in sorted(seen.reports, key=natural))
    told = _ended(seen)
    absent = [Missing(each.node, each.why) for each in seen.job.absent]
    missing = [Missing(name, _why(name, seen, told)) for name in seen.nodes if name not in seen.reports]
    if not seen.nodes and seen.job.nodes and (seen.state is None or seen.state.is_over):
        missing = [Missing(f"{seen.job.nodes} unnamed", "the job did not begin, or could not write which nodes it had")]
    return Outcome(reports, (*absent, *missing), tuple(_sentences(seen, told)))


def _ended(seen: Seen) -> Told | None:
    return states.ending(seen.state, by_us=bool(seen.job.cancelled)) if seen.state is not None else None


def _why(name: str, seen: Seen, told: Told | None) -> str:
    """Why a node has no report."""
    if seen.state is not None and not seen.state.is_over:
        return "not begun"
    fate = seen.log.fates.get(name)
    if fate is not None and not (told is not None and fate.words in _ENDED_FROM_OUTSIDE):
        if fate.keeps_report:
            return f"its process came to its end ({fate.words}), but its report is not to be seen here"
        return fate.words
    if told is not None:
        return f"the job {told.words}"
    return "its process left no report" + _see(seen.job)


_ENDED_FROM_OUTSIDE = ("stopped by SIGTERM", "it was killed", "Terminated")
"""What all processes of a job that is ended say: why that was, the job knows."""


def _see(job: Job) -> str:
    return f"; see {job.folder / LOG}" if job.folder is not None else ""


def _sentences(seen: Seen, told: Told | None) -> list[Told]:
    """How the job ended, where it did not come to its end by itself, and who was stopped in the middle."""
    sentences: list[Told] = []
    who = f"job {seen.job.id}"
    if told is not None:
        sentences.append(Told(f"{who} {told.words}", told.remedy))
    elif seen.state is None:
        forgotten = f"Slurm does not know {who} any more, and the job left no word of its end"
        sentences.append(Told(f"Slurm does not answer ({seen.silence})" if seen.silence else forgotten))
    elif seen.state.is_waiting:
        waiting = states.waiting(seen.state)
        sentences.append(Told(f"{who} has not begun{f': {waiting.words}' if waiting.words else ''}", waiting.remedy))
    elif seen.state.name == "FAILED" and not seen.log.nodes:
        sentences.append(_could_not_write(seen))
    if seen.state is None or seen.state.is_over:
        sentences += _stopped(seen, told)
    return sentences


def _stopped(seen: Seen, told: Told | None) -> list[Told]:
    """Who did not come to the end of measuring for a reason of its own; the table has the others, too."""
    by_why: dict[str, list[str]] = {}
    for name, report in sorted(seen.reports.items(), key=lambda item: natural(item[0])):
        fate = seen.log.fates.get(name)
        if fate is not None and not report.complete and not (told is not None and fate.words in _ENDED_FROM_OUTSIDE):
            by_why.setdefault(fate.words, []).append(name)
    return [
        Told(f"{shortened(names)} {'was' if len(names) == 1 else 'were'} stopped in the middle of measuring: {why}")
        for why, names in by_why.items()
    ]


def _could_not_write(seen: Seen) -> Told:
    words = "; ".join(joblog.last_words(seen.job.text(LOG)))
    if words:
        return Told(f"job {seen.job.id} failed: {words}")
    return Told(
        f"job {seen.job.id} failed before its first line: its first node could not write to {seen.job.folder}",
        "choose a --home on a disk that all nodes see at the same path",
    )
