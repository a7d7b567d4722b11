"""Runs that a scheduler or an MPI started: one line each, paths of their own, and who they are in the report."""

from __future__ import annotations

import pytest

from e2e.driver import Bench
from reports import valid

JOB = {"SLURM_JOB_ID": "77", "SLURMD_NODENAME": "n7"}
STEP = {**JOB, "SLURM_PROCID": "2", "SLURM_STEP_NUM_TASKS": "4"}
TABLE = "95 %"


def test_one_of_several_says_one_line_and_its_report_says_who_it_is(alone: Bench) -> None:
    done = alone.run("--json", str(alone.cwd / "%h-%j-%t.json"), environ=STEP)
    assert done.code == 0, done.text
    assert done.out.startswith("n7: 1 row ok, verified") and done.out.count("\n") == 1
    assert done.err == ""
    report = valid((alone.cwd / "n7-77-2.json").read_text(encoding="utf-8"))
    assert report["launcher"] == {"name": "slurm", "node": "n7", "rank": 2, "tasks": 4, "job": "77", "array_task": None}
    assert report["settings"]["trials"] == 1
    names = [path.name for path in (alone.home / "results").iterdir()]
    assert len(names) == 1 and "-n7-" in names[0], "no page, and the node's name"


def test_alone_in_a_job_it_prints_its_table_and_no_progress(alone: Bench) -> None:
    done = alone.run("--rounds", "3", environ={**JOB, "SLURM_ARRAY_TASK_ID": "5"})
    assert done.code == 0 and "GFLOPS" in done.out and "Report: " in done.out and "round 1" not in done.err, done.text
    launcher = alone.report()["launcher"]
    assert (launcher["array_task"], launcher["tasks"], launcher["rank"]) == ("5", None, 0)
    assert "round 1" in alone.run("--rounds", "3").err, "without a launcher each step is a line"


def test_brief_is_one_line_anywhere(alone: Bench) -> None:
    done = alone.run("--brief")
    assert done.code == 0 and done.out.count("\n") == 1 and ": 1 row ok, verified" in done.out, done.text
    assert alone.report()["launcher"] is None


def test_a_wrong_result_is_the_first_of_its_line(alone: Bench) -> None:
    alone.install("clean", "lies_zeros")
    done = alone.run(environ=STEP)
    assert done.code == 4, done.text
    assert done.out.startswith("n7: WRONG RESULT: ") and "1 of 2 rows ok" in done.out and done.out.count("\n") == 1


@pytest.mark.parametrize(("path", "says"), [("%j.json", "%j is the job's id"), ("%a.json", "%a is the index")])
def test_what_nothing_tells_is_refused_before_anything_is_measured(alone: Bench, path: str, says: str) -> None:
    done = alone.run("--json", str(alone.cwd / path))
    assert done.code == 2 and says in done.err, done.text
    assert not (alone.home / "results").exists()


def test_an_error_is_one_line_behind_the_name_of_the_node(alone: Bench) -> None:
    done = alone.run("no-such-stack", environ=STEP)
    assert done.code == 2 and done.err.startswith("n7: mambench: ") and done.err.count("\n") == 1, done.text
