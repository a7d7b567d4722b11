"""What the desktop shows for us."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

from mambench.system import process


def show(path: Path, *, environ: Mapping[str, str], system: str = sys.platform) -> bool:
    """Show a folder or a page on the desktop, in a program that outlives us; False where there is no desktop."""
    if system == "win32":
        getattr(os, "startfile")(path)  # noqa: B009  (mypy knows it on Windows only)
        return True
    if system == "darwin":
        opener = None if environ.get("SSH_CONNECTION") else shutil.which("open", path=environ.get("PATH"))
    else:
        desktop = environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
        opener = shutil.which("xdg-open", path=environ.get("PATH")) if desktop else None
    if opener is None:
        return False
    try:
        process.start_detached([opener, str(path)], environ=environ)
    except process.StartError:
        return False
    return True
