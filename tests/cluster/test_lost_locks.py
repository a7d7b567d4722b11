"""A computer that gave no sign of life, and comes back, where the file server's news are late."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from cluster.views import Views, ended, views, wait_for

__all__ = ["views"]

HOLDS = """
import pathlib, sys, time
from mambench.system import leases, locks
leases.LEASE_SECONDS, leases.HEARTBEAT_SECONDS = 4.0, 0.5
lock, told, ends = leases.Lease(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
lock.acquire()
told.touch()
while not ends.exists():
    time.sleep(0.05)
lock.release()
print("lost" if locks.was_lost(lock) else "kept")
"""
"""Holds a lock until a file is there."""


def holder(views: Views, node: str, ends: str) -> subprocess.Popen[str]:
    words = [str(views.home / "x.mutex"), str(views.folder / f"{node}-holds"), str(views.folder / ends)]
    return views.start(node, program=(sys.executable, "-c", HOLDS, *words))


def test_who_lost_a_lock_says_so_and_leaves_the_file_of_the_next_alone(views: Views) -> None:
    first = holder(views, "n1", "first-ends")
    wait_for(views.folder, "n1-holds")
    os.killpg(first.pid, signal.SIGSTOP)
    second = holder(views, "n2", "second-ends")
    wait_for(views.folder, "n2-holds")
    (views.folder / "first-ends").touch()
    os.killpg(first.pid, signal.SIGCONT)
    assert ended(first) == (0, "lost")
    assert [path.name for path in views.real.iterdir()] == ["x.mutex"]
    (views.folder / "second-ends").touch()
    assert ended(second) == (0, "kept")
    assert list(Path(views.real).iterdir()) == []
