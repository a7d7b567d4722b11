"""Pure: what a job's own log and its small files tell of its nodes, where nothing else tells it any more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from mambench.cluster.hostlist import expanded, numbers
from mambench.cluster.job import ENDED, LOG, NODES, Job
from mambench.cluster.states import State
from mambench.errors import ExitCode

_TASKS = re.compile(r"^srun: error: (\S+): tasks? ([\d,-]+): (.+)$")
_NODE_FAILURE = re.compile(r"^srun: error: Node failure on (\S+)$")
_SAID = re.compile(r"^\s*(\d+): (?:\S+: )?mambench: (.+)$")
_CANCELLED = re.compile(r"error: \*\*\* JOB \d+ .*CANCELLED AT \S+(?: DUE TO ([A-Z ]+))?")
_EXITED = re.compile(r"Exited with exit code (\d+)")

_ENDINGS = {"TIME LIMIT": "TIMEOUT", "PREEMPTION": "PREEMPTED", "NODE FAILURE": "NODE_FAIL"}
"""What slurmstepd writes into the log of a job that it ends, as states."""

_WORDS = {int(code): code.words for code in ExitCode}
_KEEPS_A_REPORT = {int(code) for code in (ExitCode.OK, ExitCode.NOTHING, ExitCode.NOT_OK, ExitCode.SLOWER)}
_KILLED = 128 + 9


@dataclass(frozen=True)
class Fate:
    """How a node's process ended; `keeps_report`: it came to its end, so that a report is to be expected."""

    words: str
    keeps_report: bool = False


@dataclass(frozen=True)
class JobLog:
    """All that a job told of itself."""

    nodes: tuple[str, ...]
    """Those that it ran on, by the rank of their process."""
    fates: Mapping[str, Fate]
    """Of the nodes whose process did not end with 0."""
    state: State | None
    """Its end, as far as it was told."""


def of(job: Job) -> JobLog:
    """What lies in a job's folder."""
    nodes = tuple(expanded(job.text(NODES).strip()))
    log = job.text(LOG)
    return JobLog(nodes, fates(log, nodes), ending(log, job.text(ENDED)))


def fates(log: str, nodes: Sequence[str]) -> dict[str, Fate]:
    """From what srun says of processes that did not end well, and what those said last."""
    said = {match[1]: match[2] for match in map(_SAID.match, log.splitlines()) if match}
    by_rank = {str(rank): name for rank, name in enumerate(nodes)}
    told: dict[str, Fate] = {}
    for line in log.splitlines():
        if match := _TASKS.match(line):
            for rank in numbers(match[2]):
                if rank in by_rank:
                    told[by_rank[rank]] = _fate(match[3], said.get(rank, ""))
        elif match := _NODE_FAILURE.match(line):
            told |= {name: Fate("the node failed, or Slurm lost touch with it") for name in expanded(match[1])}
    return told


def _fate(words: str, said: str) -> Fate:
    """Of `Exited with exit code 5`, `Killed`, `Out Of Memory` and the like."""
    match = _EXITED.match(words)
    if match is None:
        return Fate({"Killed": "it was killed", "Out Of Memory": "it ran out of memory"}.get(words, words))
    code = int(match[1])
    if code in _KEEPS_A_REPORT:
        return Fate(_WORDS[code], keeps_report=True)
    otherwise = "it was killed" if code == _KILLED else f"its process ended with exit code {code}"
    return Fate(said or _WORDS.get(code, otherwise))


def ending(log: str, ended: str) -> State | None:
    """How the job ended, as its own files tell it; None while it runs, or where it could write nothing."""
    causes = [match[1] for match in map(_CANCELLED.search, log.splitlines()) if match]
    if causes:
        cause = causes[-1] or ""
        return State(next((state for words, state in _ENDINGS.items() if cause.startswith(words)), "CANCELLED"))
    if ended.strip():
        return State("COMPLETED" if ended.strip() == "0" else "FAILED")
    return None


def last_words(log: str) -> Iterator[str]:
    """The last complaints in a log, without the lines that every ending has."""
    lines = [line.strip() for line in log.splitlines() if "error:" in line or "mambench:" in line]
    yield from lines[-3:]
