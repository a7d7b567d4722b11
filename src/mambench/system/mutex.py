"""One mambench at a time: a mutex is held by one process in a home, and who has to wait is told for whom.

Taken in this order, so that nobody waits in a circle: `measuring`, `MAKING`, a prefix, what installers share
(`PACKAGES`, `uv`, `micromamba`, `code`). A thread that holds a mutex must not ask for it again.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from mambench.errors import HomeError
from mambench.system import contents, locks
from mambench.system.home import Home

MAKING = "making"
"""Held in a home of several computers by the one that solves and installs: the others have what it made."""

PACKAGES = "conda-packages"
"""Held while micromamba's archives are fetched or removed: there is one package cache for all prefixes."""

_HOLDER_SECONDS = 1.0
"""Who has just got the mutex has written its note by then."""

_ASK_AGAIN_SECONDS = 1.0

_CLOCK_SECONDS = 2.0
"""By so much the start of a process may seem to move: it is counted from the start of the computer."""

OnWait = Callable[[str], None]
"""Called every second of the wait, with words for who is waited for; it may raise to refuse."""


def measuring(home: Home) -> str:
    """Held by who measures or removes: two runs at once measure each other, and what is removed during a run breaks it.

    In a home of several computers each has its own.
    """
    return f"measuring-{home.node}" if home.node else "measuring"


@contextlib.contextmanager
def held(home: Home, name: str, who: str, on_wait: OnWait = lambda _who: None) -> Iterator[None]:
    """Hold the mutex `name` of this home, waiting while another holds it; others are told that `who` does.

    Raises HomeError, and what `on_wait` raises.
    """
    lock, note = home.mutexes / f"{name}.mutex", home.mutexes / f"{name}.json"
    with _locked(lock, on_wait=lambda: on_wait(_holder(note, home.node))):
        with contextlib.suppress(OSError, psutil.Error):
            # Half of it is no JSON, and read again.
            note.write_text(json.dumps(_entry(who, home.node)), encoding="utf-8")
        try:
            yield
        finally:
            with contextlib.suppress(OSError):
                note.unlink(missing_ok=True)


@contextlib.contextmanager
def _locked(path: Path, *, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock at `path`, which ends with its process, however that ends."""
    import filelock

    lock = locks.lock(path)
    first = True

    def acquire(timeout_seconds: float) -> bool:
        try:
            if first:
                path.parent.mkdir(parents=True, exist_ok=True)
            path.parent.stat()  # a home that went away meanwhile would be made anew
            lock.acquire(timeout=timeout_seconds)
        except filelock.Timeout:
            return False
        except (OSError, filelock.LeaseSettingsMismatch) as error:
            raise HomeError(f"cannot lock {path}: {error}", remedy="see that the home can be written") from error
        return True

    while not acquire(0 if first else _ASK_AGAIN_SECONDS):
        first = False
        on_wait()
    try:
        yield
    finally:
        lock.release()
    if locks.was_lost(lock):
        raise HomeError(
            f"another computer took over {path}, as this one gave no sign of life for minutes",
            remedy="run again; if it stays, look at the connection to the home's file server",
        )


def _entry(who: str, node: str) -> dict[str, Any]:
    pid, now = os.getpid(), f"{datetime.now(UTC):%H:%M:%S} UTC"
    return {"pid": pid, "started": _started(pid), "who": who, "since": now, "node": node}


def _holder(note: Path, node: str) -> str:
    """Who has the mutex: a note that a killed process of this computer left names nobody."""
    until = time.monotonic() + _HOLDER_SECONDS
    while time.monotonic() < until:
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError, OverflowError, psutil.Error):
            content = contents.json_in(contents.text_of(note))
            pid, there = int(content["pid"]), content["node"]
            if there != node:
                return f"{content['who']} (pid {pid} on {there}, since {content['since']})"
            if abs(_started(pid) - content["started"]) < _CLOCK_SECONDS:  # else its number is another's by now
                return f"{content['who']} (pid {pid}, since {content['since']})"
        time.sleep(0.05)
    return "another mambench"


def _started(pid: int) -> float:
    return psutil.Process(pid).create_time()
