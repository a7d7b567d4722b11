"""One computer for a session, one home with one environment in it."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from windows.computer import Computer, Done, PartMissing

HARD_NAME = "José & Søn 100% ready! 測試"
"""A folder as people have them: every letter that a code page, cmd.exe or a URL takes for something else."""


@dataclass(frozen=True)
class House:
    """A home, and how its one environment was made."""

    home: str
    folder: Path
    made: Done

    def reports(self) -> list[Path]:
        """The reports in it."""
        return sorted((self.folder / "results").glob("*.json"))


@pytest.fixture(scope="session")
def computer() -> Iterator[Computer]:
    """A Windows computer with the program; MAMBENCH_TEST_WINDOWS=1 turns a missing part into a failure."""
    made = Computer()
    try:
        made.set_up()
    except PartMissing as missing:
        if os.environ.get("MAMBENCH_TEST_WINDOWS"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))
    with (made.folder / ".session").open("w") as session:
        fcntl.flock(session, fcntl.LOCK_EX)  # another session of tests would shut it down
        shutil.rmtree(made.drive / "homes", ignore_errors=True)
        yield made
        made.shut_down()


@pytest.fixture(scope="session")
def house(computer: Computer) -> House:
    """A home with a hard name, and numpy-openblas in it, made by uv.exe from PyPI."""
    home = rf"C:\homes\{HARD_NAME}"
    made = computer.mambench("env", "create", "numpy-openblas", "--source", "pypi", "--yes", home=home)
    return House(home, computer.linux_path(home), made)


@pytest.fixture
def empty(computer: Computer, request: pytest.FixtureRequest) -> str:
    """A home of the test's own, with nothing in it."""
    home = rf"C:\homes\{re.sub(r'[^a-z]+', '-', request.node.name)}"
    shutil.rmtree(computer.linux_path(home), ignore_errors=True)
    return home
