"""Another home's run on our cores, told by the command line of its worker.

Two runs at once measure each other. Homes, and users, share no folder, so that no mutex is common to them.
"""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil

from mambench.system.home import Home

QUIET_SECONDS = 3.0
"""Between two of its trials a run has no worker for less than this."""

LOOK_SECONDS = 0.5


def wait(home: Home, on_wait: Callable[[str], None], *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return when no other home's worker is at work on our cores; `on_wait` is called if there is one."""
    who = measuring_elsewhere(home)
    if who is None:
        return
    on_wait(who)
    quiet = 0.0
    while quiet < QUIET_SECONDS:
        sleep(LOOK_SECONDS)
        quiet = 0.0 if measuring_elsewhere(home) else quiet + LOOK_SECONDS


def measuring_elsewhere(home: Home) -> str | None:
    """Who measures in another home now, in words."""
    ours = os.path.realpath(home.root)
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            root = home_of_worker(process.cmdline())
            if root is not None and os.path.realpath(root) != ours and _shares_cores(process):
                return f"the mambench of {process.username()} with the home {root} (pid {process.ppid()})"
    return None


def home_of_worker(command: Sequence[str]) -> Path | None:
    """The home whose worker has this command line: `<home>/code/worker-<hash>/worker.py` is in it."""
    for word in command:
        path = Path(word)
        if path.name == "worker.py" and re.fullmatch(r"worker-[0-9a-f]{12}", path.parent.name):
            return path.parents[2] if path.parents[1].name == "code" else None
    return None


def _shares_cores(process: psutil.Process) -> bool:
    """On a cluster's node others measure beside us, on cores of their own."""
    if sys.platform == "darwin":  # which has no affinity
        return True
    return bool(set(process.cpu_affinity()) & set(psutil.Process().cpu_affinity()))


def ignored(environ: Mapping[str, str]) -> bool:
    """MAMBENCH_OTHER_HOMES=ignore: for tests of mambench, many of which run at once."""
    return environ.get("MAMBENCH_OTHER_HOMES") == "ignore"
