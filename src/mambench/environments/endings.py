"""Package managers that were ended by something else: out of memory, a limit, a person."""

from __future__ import annotations

import re
from pathlib import Path

from mambench.errors import ProvisionError
from mambench.system.process import Finished

_NO_MEMORY = re.compile(r"memory allocation of \d+ bytes failed|bad_alloc|Cannot allocate memory|\(os error 12\)")
"""What Rust's and C++'s programs say where the system gives no more memory."""

_REMEDIES = {
    "SIGKILL": "it may have taken too much memory: free some, or raise the limit of the container",
    "SIGXFSZ": "raise the limit for the size of files (ulimit -f)",
    "SIGXCPU": "raise the limit for the time of the CPU (ulimit -t)",
}


def killed(what: str, program: str, finished: Finished, log: Path | None) -> ProvisionError | None:
    """That `program` did not end by itself, or had no memory; None where it did and had."""
    if _NO_MEMORY.search(finished.stderr):
        remedy = "free some memory, or raise its limit (ulimit -v, or that of the container)"
        return ProvisionError(f"cannot {what}: {program} ran out of memory", remedy=remedy, log=log)
    if not finished.killed:
        return None
    remedy = next((words for name, words in _REMEDIES.items() if name in finished.killed), "")
    return ProvisionError(f"cannot {what}: {program} was {_ended(finished)}", remedy=remedy or "try again", log=log)


def _ended(finished: Finished) -> str:
    words = finished.killed
    return words if words.startswith("killed") else f"ended by the system: {words}"
