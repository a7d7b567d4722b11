"""Ctrl-C in the console and a hard kill, in the middle of a measurement: nothing outlives the program."""

from __future__ import annotations

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from phases import ORDER
from promises import Cases
from reports import valid
from windows.computer import ROOT, Computer, windows_path

pytestmark = [pytest.mark.promise("killed"), pytest.mark.timeout(600)]

KERNELS = ROOT / "tests" / "e2e" / "kernels"
BENCHMARK = """title = "toys"
[kernels]
clean = { file = "clean.py", module = "numpy", devices = ["cpu"] }
slow = { file = "slow.py", module = "numpy", devices = ["cpu"] }
"""
SMALL = ("--preset", "quick", "--size", "128", "--dtype", "float64")
STACK = """title = "small"
kernel = "numpy"
devices = ["cpu"]
platforms = ["win-64"]
[pypi]
python = ">=3.11,<3.20"
packages = ["numpy"]
"""


def offer_toys(computer: Computer, home: str, phase: str) -> dict[str, str]:
    """An honest kernel, then one that stands still in a phase; gives the variables that tell them so."""
    benchmark = computer.linux_path(home) / "benchmarks" / "matmul"
    benchmark.mkdir(parents=True)
    for name in ("clean.py", "slow.py"):
        shutil.copy(KERNELS / name, benchmark)
    (benchmark / "benchmark.toml").write_text(BENCHMARK)
    return {"TOY_SLOW": phase, "TOY_MARK": rf"{home}\mark"}


def stopped(computer: Computer, home: str, how: str) -> dict[str, Any]:
    """Measure until the second kernel stands still in its run; there the program is stopped."""
    environ = {"MAMBENCH_HOME": home, **offer_toys(computer, home, "run")}
    command = [computer.python, "-m", "mambench", "run", *SMALL]
    words = [how, environ["TOY_MARK"], *command, "--python", f"mine={computer.python}"]
    done = computer.program("stop", *words, environ=environ)
    assert done.code == 0, done.text
    ended: dict[str, Any] = json.loads(done.out)
    assert ended["workers"], ended["said"]
    return ended


def reports(computer: Computer, home: str) -> list[dict[str, Any]]:
    """What lies in the home, each validated."""
    files: list[Path] = sorted((computer.linux_path(home) / "results").glob("*.json"))
    return [valid(file.read_text(encoding="utf-8")) for file in files]


def killed_anywhere(computer: Computer, home: str, program: list[str], times: int, cases: Cases) -> None:
    """Kill so many whole runs of a program, then let one end; packages come from a folder, by uv.exe."""
    stacks = computer.linux_path(home) / "environments"
    stacks.mkdir(parents=True)
    (stacks / "small.toml").write_text(STACK)
    links = windows_path(computer.folder / "wheels")
    environ = {"MAMBENCH_HOME": home, "UV_NO_INDEX": "1", "UV_FIND_LINKS": links, "MAMBENCH_OTHER_HOMES": "ignore"}
    words = [*program, "run", "small", "--source", "pypi", *SMALL, "--yes"]
    done = computer.program("stop", "anywhere", str(times), *words, environ=environ, patience=times * 60.0)
    assert done.code == 0, done.text
    fell = Counter[str]()
    for each in json.loads(done.out):
        fell[each["phase"]] += 1
        with cases.case(each["point"]):
            assert (each["left"], each["damage"]) == ([], [])
    cases.none_fell()
    assert all(fell[phase] > times / 30 for phase in ORDER), fell
    last = computer.run("--run", *words, environ=environ)
    assert last.code == 0, last.text
    found = reports(computer, home)
    assert [row["verified"] for row in found[-1]["results"]] == [True]
    assert list((computer.linux_path(home) / "results").glob("*.journal")) == []


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_killed_at_any_point_it_leaves_no_process_and_no_damage(computer: Computer, empty: str, cases: Cases):
    killed_anywhere(computer, empty, [computer.python, "-m", "mambench"], 60, cases)


def test_ctrl_c_ends_a_run_and_keeps_what_was_measured(computer: Computer, empty: str):
    ended = stopped(computer, empty, "ctrl-c")
    assert ended["code"] == 130, ended["said"]
    assert ended["left"] == []
    (report,) = reports(computer, empty)
    assert report["complete"] is False
    assert report["finished"]
    assert [row["status"] for row in report["results"]] == ["ok"]
    assert "Traceback" not in ended["said"]


def test_a_killed_program_leaves_no_process_and_a_report(computer: Computer, empty: str):
    ended = stopped(computer, empty, "kill")
    assert ended["left"] == []
    assert computer.mambench("info", home=empty).code == 0  # any command completes it from its journal
    (report,) = reports(computer, empty)
    assert report["complete"] is False
    assert [row["status"] for row in report["results"]] == ["ok"]
