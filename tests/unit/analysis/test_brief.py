"""A report in one line: what is wrong first, then how many rows are ok."""

from __future__ import annotations

from dataclasses import replace

from builders import a_report, a_round, a_trial

from mambench.analysis.brief import brief
from mambench.analysis.results import summarise
from mambench.model import Failure, Reason, Result


def a_row(dtype: str = "float64", seconds: float = 0.1) -> Result:
    return summarise(a_trial("numpy-openblas@pypi", dtype=dtype), (a_round(0, 0, [seconds] * 3),))


def a_failure(reason: Reason, message: str = "why", dtype: str = "float32") -> Result:
    status = "unavailable" if reason in (Reason.OFFLINE, Reason.MEMORY) else "failed"
    return Result(a_trial("torch-cpu@pypi", dtype=dtype), status, failure=Failure(status, reason, message))


def line(*rows: Result, complete: bool = True) -> str:
    return brief(a_report(results=rows, complete=complete))


def test_a_row_is_told_with_its_rate() -> None:
    assert line(a_row()) == "1 row ok, verified; numpy-openblas, matmul float64 on cpu:0, n = 512: 2.68 GFLOPS"


def test_of_several_rows_the_fastest_is_told() -> None:
    words = line(a_row(), a_row("float32", 0.05))
    assert words == "2 rows ok, verified; fastest numpy-openblas, matmul float32 on cpu:0, n = 512: 5.37 GFLOPS"


def test_a_wrong_result_comes_first_and_loudly() -> None:
    words = line(a_row(), a_failure(Reason.WRONG_RESULT, "entry [1, 2] is 3"))
    assert words.startswith("WRONG RESULT: torch-cpu, matmul float32 on cpu:0, n = 512: entry [1, 2] is 3; 1 of 2 rows")


def test_the_same_failure_of_several_rows_is_told_once() -> None:
    words = line(a_failure(Reason.OFFLINE, "no network"), a_failure(Reason.OFFLINE, "no network", "float64"))
    assert words == "unavailable: offline: no network (2 rows)"


def test_an_unchecked_row_and_a_run_that_was_stopped_are_told() -> None:
    unchecked = replace(a_row(), rounds=tuple(replace(each, checks=()) for each in a_row().rounds))
    assert "1 row ok, 1 not checked" in line(unchecked)
    assert line(a_row(), complete=False).endswith("; stopped before the end")
    assert line() == "nothing was measured"
