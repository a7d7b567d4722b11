"""The bundle, into which the bootloader of the one-file form unpacks the program: claimed, and swept when left.

The bootloader deletes it when we end. Whatever kills the bootloader leaves that to the next start.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from mambench.system import resources

MARKER = ".mambench"
"""In each of our bundles, and the first file that is unpacked (specs/mambench.spec)."""

_UNPACKING_SECONDS = 30.0
"""A bundle so young may still be on its way from its bootloader to its program."""

_claimed: Any = None


def folder() -> Path:
    """The folder that holds the program's own files."""
    return Path(getattr(sys, "_MEIPASS", ""))


def is_one_file() -> bool:
    """Whether this is the one-file form, which runs from a temporary folder."""
    return resources.is_frozen() and folder().name.startswith("_MEI")


def bootloader_of(path: Path) -> int | None:
    """The process that unpacked a bundle, from its name (PyInstaller 6.22); None for a name of another form."""
    match = re.fullmatch(r"_MEI([0-9a-f]{8}).{6}", path.name)
    return int(match[1], 16) if match else None


def claim() -> None:
    """Lock our marker for as long as we live, so that nobody sweeps the bundle. (Windows: open files do that.)"""
    global _claimed
    if sys.platform == "win32":
        return
    import fcntl

    with contextlib.suppress(OSError):
        _claimed = (folder() / MARKER).open("rb")
        fcntl.flock(_claimed, fcntl.LOCK_SH | fcntl.LOCK_NB)


def sweep(temporary: Path) -> None:
    """Delete the bundles of ours that killed programs left in a temporary folder and that nobody uses."""
    for left in temporary.glob("_MEI*"):
        with contextlib.suppress(OSError):
            if left != folder() and _is_ours(left) and not _in_use(left):
                _delete(left)


def _is_ours(left: Path) -> bool:
    """Whether a folder is a bundle of this program and this user; never a link."""
    status = left.lstat()
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return mine and left.is_dir() and not left.is_symlink() and (left / MARKER).is_file()


def _in_use(left: Path) -> bool:
    """Whether a program holds its lock, or its bootloader lives and may still be unpacking."""
    if sys.platform == "win32":
        return False  # see _delete
    import fcntl

    with (left / MARKER).open("rb") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
    return _bootloader_lives(left) and time.time() - left.stat().st_mtime < _UNPACKING_SECONDS


def _bootloader_lives(left: Path) -> bool:
    bootloader = bootloader_of(left)
    try:
        os.kill(bootloader or os.getpid(), 0)
    except (OverflowError, ProcessLookupError):
        return False
    except PermissionError:
        return True
    return True


def _delete(left: Path) -> None:
    """On Windows a folder with an open file in it cannot be renamed: that is the test whether it is in use."""
    if sys.platform == "win32":
        left = left.rename(left.with_name(f"{left.name}.old"))
    shutil.rmtree(left, ignore_errors=True)
