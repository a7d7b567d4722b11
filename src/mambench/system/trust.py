"""Who else may change the code that is run from a home."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from mambench.system.home import Home


def open_to_all(home: Home) -> Path | None:
    """The first path that every user of this computer may change; None on Windows, where homes are a user's own."""
    paths = (path for path, status in _run_from(home) if status.st_mode & stat.S_IWOTH)
    return next(paths, None)


def of_another(home: Home) -> tuple[Path, int] | None:
    """The first path that belongs to neither us nor the administrator, and its owner's number."""
    if sys.platform == "win32":
        return None
    ours = (0, os.getuid())
    return next(((path, status.st_uid) for path, status in _run_from(home) if status.st_uid not in ours), None)


def is_administrator() -> bool:
    """Whether what we run may do anything."""
    return sys.platform != "win32" and os.geteuid() == 0


def _run_from(home: Home) -> Iterator[tuple[Path, os.stat_result]]:
    """The home, the folders that code is run from with what lies right in them, and all of the user's own plug-ins."""
    if sys.platform == "win32":
        return
    paths = [home.root]
    for folder in (home.code, home.tools, home.environments):
        paths += [folder, *_listed(folder, "*")]
    for folder in (home.user_benchmarks, home.user_environments):
        paths += [folder, *_listed(folder, "**/*")]
    for path in paths:
        with contextlib.suppress(OSError):
            status = path.lstat()
            if not stat.S_ISLNK(status.st_mode):  # whose mode says nothing
                yield path, status


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
