"""Which other program used the processor between two moments; of it no more than its name is kept."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from mambench.machine.readings import best_effort


@dataclass(frozen=True)
class Program:
    """A running program, and the processor time that it has used."""

    name: str
    started: float
    cpu_seconds: float


def running() -> dict[int, Program]:
    """Programs by process id, without us and our own children; empty where the system does not tell."""
    return best_effort(_running) or {}


def _running() -> dict[int, Program]:
    programs = {}
    for process in psutil.process_iter(["pid", "ppid", "name", "create_time", "cpu_times"]):
        told = process.info
        if os.getpid() in (told["pid"], told["ppid"]) or not told["name"] or told["cpu_times"] is None:
            continue
        seconds = told["cpu_times"].user + told["cpu_times"].system
        programs[told["pid"]] = Program(told["name"], told["create_time"] or 0.0, seconds)
    return programs


def busiest(before: Mapping[int, Program], after: Mapping[int, Program], *, min_seconds: float) -> str | None:
    """The name under which most processor time was used meanwhile; None if that was less than `min_seconds`.

    A program that ended meanwhile is not seen.
    """
    used: defaultdict[str, float] = defaultdict(float)
    for pid, program in after.items():
        earlier = before.get(pid)
        already = earlier.cpu_seconds if earlier is not None and earlier.started == program.started else 0.0
        used[program.name] += program.cpu_seconds - already
    name, seconds = max(used.items(), key=lambda item: item[1], default=("", 0.0))
    return name if seconds >= min_seconds else None
