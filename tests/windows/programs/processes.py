"""What runs on this computer, for the other programs here."""

from __future__ import annotations

import psutil


def command_of(pid: int) -> list[str]:
    """A process's words; none when it is gone or not ours."""
    try:
        return psutil.Process(pid).cmdline()
    except (psutil.Error, OSError):
        return []


def with_words(words: list[str]) -> list[int]:
    """The processes whose whole command line is this."""
    return [pid for pid in psutil.pids() if command_of(pid) == words]


def descendants(pid: int) -> list[psutil.Process]:
    """All that a process started, and what these started."""
    try:
        return psutil.Process(pid).children(recursive=True)
    except (psutil.Error, OSError):
        return []


def living(processes: list[psutil.Process]) -> list[psutil.Process]:
    """Those that still run."""
    return [process for process in processes if process.is_running()]
