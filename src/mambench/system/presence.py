"""Who is at work in a home: each mambench holds a lock of its own for as long as it lives, however it ends.

So what stopped ones left can be told from what others still use, on this computer and on others that see the home.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mambench.system import locks

_ENDING = ".present"
_held: dict[Path, Any] = {}
"""Our own locks, by the folder in which they lie."""


def enter(folder: Path) -> None:
    """Be at work until our end, with a lock in `folder`. Raises OSError."""
    if folder in _held:
        return
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{os.getpid()}-{secrets.token_hex(4)}{_ENDING}"
    with _gate(folder):
        lock = _held[folder] = locks.lock(path)
        lock.acquire()
    atexit.register(_leave, folder, os.getpid())


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[bool]:
    """Whether nobody else is at work; meanwhile nobody else begins. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with _gate(folder):
        yield not _others(folder)


def _gate(folder: Path) -> Any:
    return locks.lock(folder / "presence.mutex")


def _others(folder: Path) -> bool:
    """Locks that nobody holds are of processes that are gone, and are deleted."""
    import filelock

    own = _held[folder].lock_file if folder in _held else None
    left = [path for path in folder.glob(f"*{_ENDING}") if str(path) != own]
    for path in left:
        try:
            with locks.lock(path).acquire(timeout=0):
                pass
        except filelock.Timeout:
            if not _is_old(path, folder):
                return True
        path.unlink(missing_ok=True)
    return False


def _is_old(path: Path, folder: Path) -> bool:
    """Whether a process of another computer gave no sign of life for long, by the clock of who keeps the files."""
    if not locks.is_shared(folder):
        return False
    from mambench.system.leases import LEASE_SECONDS

    with tempfile.NamedTemporaryFile(dir=folder) as now:
        return os.fstat(now.fileno()).st_mtime - path.stat().st_mtime > LEASE_SECONDS


def _leave(folder: Path, pid: int) -> None:
    if pid == os.getpid() and (lock := _held.pop(folder, None)) is not None:  # not a child that was forked
        with contextlib.suppress(OSError):
            lock.release()
            Path(lock.lock_file).unlink(missing_ok=True)
