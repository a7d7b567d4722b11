"""One measurement at a time: a mutex for each home, and another home's run told by its workers.

Two runs at once measure each other, and what is removed during a run breaks it. Homes share no folder, so that a run
of another home, or of another user, is recognised by the command line of its worker.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from mambench.system.home import Home

NAME = "measuring"

QUIET_SECONDS = 3.0
"""Between two of its trials a run has no worker for less than this."""

LOOK_SECONDS = 0.5

_HOLDER_SECONDS = 1.0
"""Who has just got the mutex has written its name by then."""

OnWait = Callable[[str], None]
"""Called once, with words for who is waited for; it may raise to refuse."""


@contextlib.contextmanager
def held(place: Home, command: str, *, on_wait: OnWait) -> Iterator[None]:
    """The mutex of this home, for as long as `command` measures or removes in it. Raises HomeError."""
    note = place.mutexes / f"{NAME}.json"
    with place.mutex(NAME, on_wait=lambda: on_wait(_holder(note))):
        with contextlib.suppress(OSError):
            note.write_text(json.dumps({"pid": os.getpid(), "command": command, "since": _now()}), encoding="utf-8")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                note.unlink(missing_ok=True)


def _now() -> str:
    return f"{datetime.now(UTC):%H:%M:%S} UTC"


def _holder(note: Path) -> str:
    """Who has the mutex: a note that a killed run left names nobody that is alive."""
    until = time.monotonic() + _HOLDER_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            content = json.loads(note.read_text(encoding="utf-8"))
            if psutil.pid_exists(int(content["pid"])):
                return f"`{content['command']}` (pid {content['pid']}, since {content['since']})"
        time.sleep(0.05)
    return "another mambench"


def wait_for_other_homes(place: Home, on_wait: OnWait, *, sleep: Callable[[float], None] = time.sleep) -> None:
    """Return when no other home's worker is at work on our cores; `on_wait` is called if there is one."""
    who = measuring_elsewhere(place)
    if who is None:
        return
    on_wait(who)
    quiet = 0.0
    while quiet < QUIET_SECONDS:
        sleep(LOOK_SECONDS)
        quiet = 0.0 if measuring_elsewhere(place) else quiet + LOOK_SECONDS


def measuring_elsewhere(place: Home) -> str | None:
    """Who measures in another home now, in words."""
    ours = os.path.realpath(place.root)
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
    try:
        return bool(set(process.cpu_affinity()) & set(psutil.Process().cpu_affinity()))
    except AttributeError:  # macOS has none
        return True


def others_are_ignored(environ: Mapping[str, Any]) -> bool:
    """MAMBENCH_OTHER_HOMES=ignore: for tests of mambench, many of which run at once."""
    return bool(environ.get("MAMBENCH_OTHER_HOMES") == "ignore")
