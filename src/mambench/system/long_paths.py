"""How long a path may be here: Windows takes 259 characters unless its registry says otherwise."""

from __future__ import annotations

import functools
import sys
from pathlib import Path

MAX_PATH = 259
"""Of Windows' 260 the last is NUL. Ref: https://learn.microsoft.com/windows/win32/fileio/maximum-file-path-limitation"""

LONGEST_HOME = 100
"""Where that is the limit: a prefix below it takes 32 characters, and a package's own path 101 (measured: jax)."""

_KEY, _VALUE = r"SYSTEM\CurrentControlSet\Control\FileSystem", "LongPathsEnabled"


@functools.cache
def longest() -> int | None:
    """Characters of the longest path that programs can use here; None where no limit is near."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, _KEY) as key:
            return None if winreg.QueryValueEx(key, _VALUE)[0] == 1 else MAX_PATH
    except OSError:
        return MAX_PATH


def unlimited(path: Path) -> Path:
    """The path as Windows takes it at any length, for our own calls; elsewhere the path itself."""
    return Path(prefixed(str(path.absolute()))) if sys.platform == "win32" else path


def prefixed(path: str) -> str:
    r"""An absolute path of Windows behind `\\?\`, which lifts the limit.

    Ref: https://learn.microsoft.com/windows/win32/fileio/naming-a-file#win32-file-namespaces
    """
    if path.startswith("\\\\?\\"):
        return path
    return "\\\\?\\UNC" + path[1:] if path.startswith("\\\\") else "\\\\?\\" + path
