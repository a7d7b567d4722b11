"""How much memory there is, and how much is available now without swapping."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import psutil

from mambench.machine import cgroup
from mambench.machine.readings import best_effort, smallest


def available_bytes(*, root: Path = Path("/"), system: str | None = None) -> int:
    """Memory that is available now without swapping; page cache that the cgroup would drop counts as such."""
    system = system or platform.system()
    free = best_effort(lambda: int(psutil.virtual_memory().available)) or _pages("SC_AVPHYS_PAGES")
    return max(0, smallest(free, *cgroup.headrooms(root, system)) or 0)


def total_bytes() -> int | None:
    """The memory of this computer, whatever limits there are; None where that is not told."""
    return best_effort(lambda: int(psutil.virtual_memory().total)) or _pages("SC_PHYS_PAGES")


def _pages(name: str) -> int | None:
    if sys.platform == "win32":
        return None
    return best_effort(lambda: os.sysconf(name) * os.sysconf("SC_PAGE_SIZE"))
