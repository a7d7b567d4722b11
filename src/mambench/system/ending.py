"""How a child is ended, with all that it started, and how an end is told."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import psutil


class Process(Protocol):
    """What is needed of a Popen."""

    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


def family(process: Process) -> list[psutil.Process]:
    """The descendants of a child that runs. Ask before it is ended: orphans are nobody's on Windows."""
    return with_descendants(process.pid)[1:] if process.poll() is None else []


def with_descendants(pid: int) -> list[psutil.Process]:
    """A process and its descendants, whose parents are known as long as those live; none where it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []


def cpu_seconds(pid: int) -> float:
    """The time that a process and its descendants have computed; what cannot be looked at is left out."""
    import psutil

    seconds = 0.0
    for each in with_descendants(pid):
        with contextlib.suppress(psutil.Error):
            times = each.cpu_times()
            seconds += times.user + times.system
    return seconds


def kill_tree(process: Process, descendants: Sequence[psutil.Process]) -> None:
    """Kill a child, its group, and the descendants that left the group."""
    signal_group(process, getattr(signal, "SIGKILL", 9))
    for descendant in descendants:
        kill(descendant)
    with contextlib.suppress(OSError):
        process.kill()


def kill(descendant: psutil.Process) -> None:
    """Kill one process; it may be gone, or not ours."""
    import psutil

    with contextlib.suppress(psutil.Error):  # it is gone, or not ours
        descendant.kill()


def clear_shared_memory(pid: int) -> None:
    """Remove what Intel's OpenMP, and so MKL, leaves of a process that ended without its exit handlers.

    Ref: `__kmp_register_library_startup` in LLVM's openmp/runtime/src/kmp_runtime.cpp
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            Path(f"/dev/shm/__KMP_REGISTERED_LIB_{pid}_{os.getuid()}").unlink(missing_ok=True)


def signal_group(process: Process, signum: int) -> None:
    """Send a signal to a child and its group; on Windows, which knows no groups, end the child."""
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            if process.poll() is None:
                process.terminate()
        else:
            os.killpg(process.pid, signum)


def describe_exit(returncode: int) -> str:
    """An exit code in words: `killed by signal 9 (SIGKILL)`, `exit code 0xC0000005 (access violation)`."""
    if returncode < 0:
        try:
            return f"killed by signal {-returncode} ({signal.Signals(-returncode).name})"
        except ValueError:
            return f"killed by signal {-returncode}"
    status = _NT_STATUS.get(returncode & 0xFFFFFFFF)
    return f"exit code 0x{returncode & 0xFFFFFFFF:08X} ({status})" if status else f"exit code {returncode}"


_NT_STATUS = {
    0xC0000005: "access violation",
    0xC0000017: "out of memory",
    0xC000001D: "illegal instruction",
    0xC00000FD: "stack overflow",
    0xC0000135: "a DLL was not found",
    0xC0000139: "a DLL lacks an entry point",
    0xC0000142: "a DLL failed to initialise",
    0xC0000409: "stack buffer overrun",
}
