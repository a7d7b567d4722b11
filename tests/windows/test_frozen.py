"""The downloaded program: frozen under wine by the script that releases are built with, then run as a person does."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from promises import Cases
from windows.computer import ROOT, Computer, windows_path
from windows.test_ending import SMALL, killed_anywhere, offer_toys, reports

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]

FOLDER = r"C:\homes\Gebühr & 100%"


@pytest.fixture(scope="module")
def frozen(computer: Computer) -> Path:
    """The one file, without a micromamba: none is needed to tell whether it runs."""
    computer.set_up(extra="[freeze]")
    out = computer.drive / "frozen"
    shutil.rmtree(out, ignore_errors=True)
    words = ["--onefile", "--no-micromamba", "--out", r"C:\frozen"]
    done = computer.run("-B", windows_path(ROOT / "scripts" / "freeze.py"), *words, patience=1500.0)
    assert done.code == 0, done.text
    (program,) = out.glob("mambench-*.exe")
    return program


@pytest.fixture
def program(computer: Computer, frozen: Path) -> Iterator[str]:
    """The program, alone in a folder of somebody's."""
    folder = computer.linux_path(FOLDER)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shutil.copy(frozen, folder / "mambench.exe")
    yield rf"{FOLDER}\mambench.exe"
    shutil.rmtree(folder, ignore_errors=True)


def home_of(program: str) -> str:
    """Beside it."""
    return program.rpartition("\\")[0] + r"\mambench-home"


def bundles(computer: Computer) -> set[Path]:
    """What the one-file form unpacked; wine takes the folder from its registry, not from TEMP."""
    return set(computer.drive.glob("users/*/**/Temp/_MEI*"))


def measuring(computer: Computer, program: str) -> list[str]:
    """A run on a python that is here."""
    return [program, "run", *SMALL, "--python", f"mine={computer.python}"]


def test_it_passes_its_selftest_and_keeps_its_home_beside_it(computer: Computer, program: str):
    done = computer.run("--run", program, "selftest")
    assert done.code == 0, done.text
    assert "PASS" in done.out
    assert computer.linux_path(home_of(program)).is_dir()


def test_a_run_is_measured_and_verified(computer: Computer, program: str):
    environ, before = offer_toys(computer, home_of(program), "never"), bundles(computer)
    done = computer.run("--run", *measuring(computer, program), environ=environ)
    assert done.code == 0, done.text
    (report,) = reports(computer, home_of(program))
    assert {(row["status"], row["verified"]) for row in report["results"]} == {("ok", True)}
    assert bundles(computer) == before


def test_a_second_start_leaves_the_first_its_files(computer: Computer, program: str):
    """The second one sweeps what killed programs left: the first one's bundle is none of that."""
    environ = offer_toys(computer, home_of(program), "run")
    first = [*measuring(computer, program), "--timeout", "900"]
    words = ["beside", environ["TOY_MARK"], program, "list"]
    done = computer.program("stop", *words, "--", *first, environ=environ)
    ended = json.loads(done.out)
    assert ended["workers"], ended["said"]
    assert ended["beside"] == 0
    assert ended["lost"] == []
    assert ended["code"] == 130, ended["said"]


@pytest.mark.promise("killed")
@pytest.mark.parametrize("how", ["ctrl-c", "kill"])
def test_nothing_outlives_it(computer: Computer, program: str, how: str):
    """The process that is killed is the bootloader: it is the one that a person or a script started."""
    environ = offer_toys(computer, home_of(program), "run")
    words = [how, environ["TOY_MARK"], *measuring(computer, program)]
    done = computer.program("stop", *words, environ=environ)
    ended = json.loads(done.out)
    assert ended["workers"], ended["said"]
    assert ended["left"] == []
    (report,) = reports(computer, home_of(program))
    assert report["complete"] is False
    assert [row["status"] for row in report["results"]] == ["ok"]


@pytest.mark.promise("killed")
@pytest.mark.timeout(3600)
def test_killed_at_any_point_it_leaves_no_process_and_no_damage(computer: Computer, program: str, cases: Cases):
    killed_anywhere(computer, home_of(program), [program], 60, cases)
    assert bundles(computer) == set()
