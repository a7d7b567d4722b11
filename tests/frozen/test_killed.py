"""Whole runs of the one-file program, killed anywhere: its bootloader, the program itself, or both."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from environments.house import House
from environments.kills import killed_anywhere
from frozen.conftest import Forms
from frozen.test_measuring import channel, real_uv
from phases import ORDER
from promises import Cases
from standin.server import serve

__all__ = ["channel"]  # a fixture

pytestmark = [pytest.mark.promise("killed"), pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.fixture
def house(forms: Forms, channel: Path, tmp_path: Path) -> Iterator[House]:
    """A home of the one-file program."""
    made = House(tmp_path, channel, program=[str(forms.put("one file", tmp_path / "programs"))])
    made.environ |= {"MAMBENCH_UV": real_uv(), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    yield made
    made.end_all()


def kill(started: subprocess.Popen[str], chance: random.Random) -> None:
    """One of the two processes, or both, in any order; a bootloader that still unpacks is alone."""
    bootloader = psutil.Process(started.pid)
    program = [child for child in bootloader.children() if os.getsid(child.pid) == started.pid]
    for each in chance.choice([[bootloader], program or [bootloader], [bootloader, *program], [*program, bootloader]]):
        each.kill()


@pytest.mark.parametrize("source", ["conda", "pypi"])
def test_killed_at_any_point_it_leaves_no_process_and_no_damage(house: House, source: str, cases: Cases):
    with serve(house.channel_folder) as server:
        fell = killed_anywhere(house, server, source, 100, cases, kill)
    assert all(fell[phase] > 3 for phase in ORDER), fell
    assert list(house.temporary.glob("_MEI*")) == []
