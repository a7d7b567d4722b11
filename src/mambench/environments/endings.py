"""Package managers that were ended by something else: out of memory, a limit, a person."""

from __future__ import annotations

import re
from pathlib import Path

from mambench.errors import ProvisionError
from mambench.system.process import Finished

_LIMITS = (
    (
        re.compile(r"memory allocation of \d+ bytes failed|bad_alloc|Cannot allocate memory|\(os error 12\)"),
        "ran out of memory",
        "free some memory, or raise its limit (ulimit -v, or that of the container)",
    ),
    (
        re.compile(r"Too many open files|\(os error 24\)"),
        "may not open so many files",
        "raise the limit for open files (ulimit -n)",
    ),
)
"""What Rust's and C++'s programs say where the system gives no more: pattern, words, the next step."""

_REMEDIES = {  # by signal: KILL, ABRT, XFSZ, XCPU
    9: "it may have taken too much memory: free some, or raise the limit of the container",
    6: "it may have run out of memory: free some, or raise its limit (ulimit -v)",
    25: "raise the limit for the size of files (ulimit -f)",
    24: "raise the limit for the time of the CPU (ulimit -t)",
}


def killed(what: str, program: str, finished: Finished, log: Path | None) -> ProvisionError | None:
    """That `program` did not end by itself, or ran into a limit of the system; None where it did neither."""
    for pattern, words, remedy in _LIMITS:
        if pattern.search(finished.stderr):
            return ProvisionError(f"cannot {what}: {program} {words}", remedy=remedy, log=log)
    if not finished.killed:
        return None
    remedy = _REMEDIES.get(-finished.returncode, "try again")
    return ProvisionError(f"cannot {what}: {program} was {_ended(finished)}", remedy=remedy, log=log)


def _ended(finished: Finished) -> str:
    words = finished.killed
    return words if words.startswith("killed") else f"ended by the system: {words}"
