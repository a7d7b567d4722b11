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
from typing import IO

from mambench.system import resources

MARKER = ".mambench"
"""In each of our bundles, and the first file that is unpacked (specs/mambench.spec)."""

_UNPACKING_SECONDS = 600.0
"""A bundle so young may still be on its way from its bootloader to its program, past a virus scanner."""

_claimed: IO[bytes] | None = None


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
    """Lock our marker for as long as we live, so that nobody sweeps the bundle."""
    global _claimed
    with contextlib.suppress(OSError):
        _claimed = (folder() / MARKER).open("rb")
        _lock(_claimed, claim=True)


def _lock(marker: IO[bytes], *, claim: bool) -> None:
    """Hold a marker until it is closed; a claim waits for who only looks. Raises OSError when another holds it."""
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(marker.fileno(), msvcrt.LK_LOCK if claim else msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        fcntl.flock(marker, fcntl.LOCK_SH if claim else fcntl.LOCK_EX | fcntl.LOCK_NB)


def sweep(temporary: Path) -> None:
    """Delete the bundles of ours that killed programs left in a temporary folder and that nobody uses."""
    for left in temporary.glob("_MEI*"):
        with contextlib.suppress(OSError):
            if left != folder() and _is_ours(left) and not _in_use(left):
                shutil.rmtree(left, ignore_errors=True)


def _is_ours(left: Path) -> bool:
    """Whether a folder is a bundle of this program and this user; never a link."""
    status = left.lstat()
    mine = not hasattr(os, "getuid") or status.st_uid == os.getuid()
    return mine and left.is_dir() and not left.is_symlink() and (left / MARKER).is_file()


def _in_use(left: Path) -> bool:
    """Whether a program holds its lock, or its bootloader lives and may still be unpacking."""
    with (left / MARKER).open("rb") as marker:
        try:
            _lock(marker, claim=False)
        except OSError:
            return True
    return _bootloader_lives(left) and time.time() - left.stat().st_mtime < _UNPACKING_SECONDS


def _bootloader_lives(left: Path) -> bool:
    import psutil

    bootloader = bootloader_of(left)
    return bootloader is None or bool(psutil.pid_exists(bootloader))
