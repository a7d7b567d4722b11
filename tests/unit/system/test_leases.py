"""Locks between computers: by a file that is touched, where the file system may be seen by several."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import filelock
import psutil
import pytest

from mambench.errors import HomeError
from mambench.system import leases, locks, mutex, places, presence
from mambench.system.home import Home

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a home on a network drive is refused there")


@pytest.fixture
def shared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Home:
    monkeypatch.setattr(locks, "is_shared", lambda _folder: True)
    monkeypatch.setattr(leases, "LEASE_SECONDS", 1.0)
    monkeypatch.setattr(leases, "HEARTBEAT_SECONDS", 0.1)
    monkeypatch.setattr(leases, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(mutex, "_ASK_AGAIN_SECONDS", 0.2)
    return Home(tmp_path, node="n1")


def another_computers(path: Path) -> None:
    """The file that a computer leaves that was switched off while it held the lock."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with filelock.SoftFileLease(path, lease_duration=leases.LEASE_SECONDS, heartbeat_interval=0.1):
        text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(socket.gethostname(), "n2"), encoding="utf-8")


@pytest.mark.parametrize(
    ("kind", "is_so"),
    [("ext4", False), ("tmpfs", False), ("overlay", False), ("nfs4", True), ("lustre", True), ("fuse.sshfs", True)],
)
def test_a_file_system_that_is_not_known_as_one_computers_may_be_shared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: str, is_so: bool
) -> None:
    class Partition:
        def __init__(self, mountpoint: str, fstype: str) -> None:
            self.mountpoint, self.fstype = mountpoint, fstype

    mounts = [Partition("/", "ext4"), Partition(str(tmp_path), kind), Partition(f"{tmp_path}/x", "ext4")]
    monkeypatch.setattr(psutil, "disk_partitions", lambda **_options: mounts)
    assert places.is_shared(tmp_path / "home" / "that is not there yet") is is_so
    assert not places.is_shared(tmp_path / "x" / "y") and not places.is_shared(tmp_path.parent)


def test_who_is_waited_for_is_told_with_the_computer(shared: Home) -> None:
    order: list[str] = []
    with mutex.held(shared, "x", "`mambench run`"):
        note = shared.mutexes / "x.json"
        note.write_text(json.dumps({**json.loads(note.read_text()), "node": "n2"}))
        other = threading.Thread(target=lambda: _hold(shared, order.append))
        other.start()
        while not order:
            pass
    other.join()
    assert order[0].startswith(f"`mambench run` (pid {os.getpid()} on n2, since ") and order[-1] == "held"


def _hold(home: Home, tell: Callable[[str], None]) -> None:
    with mutex.held(home, "x", "another", tell):
        tell("held")


def test_a_computer_that_went_away_is_not_waited_for_for_ever(shared: Home) -> None:
    another_computers(shared.mutexes / "x.mutex")
    waited: list[str] = []
    with mutex.held(shared, "x", "me", waited.append):
        assert waited, "it took a lock that another may hold"


def test_a_lock_that_was_taken_over_meanwhile_is_told(shared: Home) -> None:
    def lose() -> None:
        with mutex.held(shared, "x", "me"):
            (shared.mutexes / "x.mutex").unlink()

    with pytest.raises(HomeError, match=r"another computer took over .*x\.mutex"):
        lose()


def test_each_computer_measures_for_itself_and_one_makes(shared: Home) -> None:
    other = Home(shared.root, node="n2")
    assert mutex.measuring(shared) != mutex.measuring(other)
    with mutex.held(shared, mutex.measuring(shared), "a"), mutex.held(other, mutex.measuring(other), "b"):
        pass


def test_who_is_at_work_is_known_between_computers_and_one_that_went_away_is_forgotten(shared: Home) -> None:
    presence.enter(shared.mutexes)
    path = shared.mutexes / "1-aaaa.present"
    another_computers(path)
    with presence.alone(shared.mutexes) as alone:
        assert not alone
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 2 * leases.LEASE_SECONDS))
    with presence.alone(shared.mutexes) as alone:
        assert alone and not path.exists()


def test_on_a_disk_of_this_computer_the_operating_system_locks(tmp_path: Path) -> None:
    assert isinstance(locks.lock(tmp_path / "x"), filelock.FileLock)
