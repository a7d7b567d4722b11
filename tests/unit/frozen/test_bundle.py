"""Whose bundle is swept."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

import pytest
from builders import names

from mambench.frozen import bundle

DEAD = "_MEI7fffffffAbCdEf"
"""Its bootloader would have a number that no process has."""


def unpacked(folder: Path, name: str, *, age_seconds: float = 0.0) -> Path:
    """A bundle of ours."""
    made = folder / name
    made.mkdir()
    (made / bundle.MARKER).write_text("mambench\n")
    os.utime(made, (time.time() - age_seconds,) * 2)
    return made


def test_a_bundle_that_nobody_uses_is_swept_and_others_stay(tmp_path: Path):
    unpacked(tmp_path, DEAD)
    (tmp_path / "_MEI7ffffffeAbCdEf").mkdir()  # of another program
    bundle.sweep(tmp_path)
    assert names(tmp_path) == ["_MEI7ffffffeAbCdEf"]


def test_a_claimed_bundle_is_never_swept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    running = unpacked(tmp_path, DEAD, age_seconds=3600)
    monkeypatch.setattr(bundle, "_claimed", None)
    with monkeypatch.context() as patched:
        patched.setattr(bundle, "folder", lambda: running)
        bundle.claim()
    claim = bundle._claimed
    assert claim is not None
    bundle.sweep(tmp_path)
    assert (running / bundle.MARKER).is_file()
    claim.close()
    bundle.sweep(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="looks with a lock of POSIX")
def test_a_claim_waits_for_who_only_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import fcntl

    running = unpacked(tmp_path, DEAD, age_seconds=3600)
    monkeypatch.setattr(bundle, "_claimed", None)
    with (running / bundle.MARKER).open("rb") as looked_at, monkeypatch.context() as patched:
        fcntl.flock(looked_at, fcntl.LOCK_EX)
        patched.setattr(bundle, "folder", lambda: running)
        claiming = threading.Thread(target=bundle.claim)
        claiming.start()
        claiming.join(0.1)
        fcntl.flock(looked_at, fcntl.LOCK_UN)
        claiming.join()
    claim = bundle._claimed
    assert claim is not None
    with claim:
        bundle.sweep(tmp_path)
        assert (running / bundle.MARKER).is_file()


@pytest.mark.parametrize(("age_seconds", "left"), [(1.0, True), (300.0, True), (3600.0, False)])
def test_a_bundle_may_still_be_on_its_way_from_a_living_bootloader(tmp_path: Path, age_seconds: float, left: bool):
    name = f"_MEI{os.getpid():08x}AbCdEf"
    unpacked(tmp_path, name, age_seconds=age_seconds)
    bundle.sweep(tmp_path)
    assert (tmp_path / name).is_dir() is left


def test_asking_whether_a_bootloader_lives_sends_no_signal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """os.kill(pid, 0) is Ctrl-C on Windows."""

    def refuse(*_words: object) -> None:
        raise AssertionError("a signal was sent")

    monkeypatch.setattr("mambench.frozen.bundle.os.kill", refuse)
    unpacked(tmp_path, DEAD)
    monkeypatch.setattr("psutil.pid_exists", lambda _pid: False)
    bundle.sweep(tmp_path)
    assert names(tmp_path) == []
