"""Real NumPy, measured by a worker in an environment that uv.exe made."""

from __future__ import annotations

from typing import Any

import pytest

from reports import valid
from windows.computer import Computer, Done
from windows.conftest import House

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def measured(computer: Computer, house: House) -> Done:
    """One quick run of everything that numpy-openblas can do."""
    words = ["run", "numpy-openblas", "--source", "pypi", "--preset", "quick", "--size", "256", "--yes", "--json", "-"]
    return computer.mambench(*words, home=house.home)


@pytest.fixture(scope="module")
def report(measured: Done) -> dict[str, Any]:
    """What it printed."""
    return valid(measured.out)


def test_every_row_is_measured_and_verified(measured: Done, report: dict[str, Any]):
    assert report["complete"] is True
    rows = {row["dtype"]: (row["status"], row["verified"], row["failure"]) for row in report["results"]}
    assert rows == {"float64": ("ok", True, None), "float32": ("ok", True, None)}
    assert measured.code == 0, measured.text


def test_the_blas_is_told_by_what_ran(report: dict[str, Any]):
    facts = [one["facts"] for row in report["results"] for one in row["rounds"]]
    assert {fact["blas"] for fact in facts} == {"openblas"}
    assert all(fact["blas_version"] and fact["threads"] for fact in facts)


def test_the_report_in_the_home_is_the_one_that_was_printed(house: House, report: dict[str, Any]):
    (kept,) = [path for path in house.reports() if report["run_id"][:8] in path.name]
    assert valid(kept.read_text(encoding="utf-8")) == report


def test_logs_have_names_that_windows_takes(house: House, report: dict[str, Any]):
    logs = [one["log"] for row in report["results"] for one in row["rounds"]]
    assert logs
    assert all((house.folder / log).is_file() for log in logs)
