"""How far nodes are, from files that they write; and a line that stays readable with 200 of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mambench.cluster.job import Job
from mambench.cluster.joblog import Fate
from mambench.cluster.nodes import NodeReport, Reports, progress

JOB = Job("12", submitted="20261129T120000Z")


def report(
    folder: Path, node: str, *, job: str = "12", stamp: str = "20261129T120005Z", finished: bool = False
) -> Path:
    path = folder / f"{stamp}-{node}-{job:0>8}.json"
    content = {"launcher": {"job": job, "node": node}, "settings": {"rounds": 5}, "complete": finished}
    path.write_text(json.dumps({**content, "finished": "2026-11-29T12:01:00Z" if finished else None}))
    return path


def measured(path: Path, index: int) -> None:
    with path.with_suffix(".journal").open("a") as stream:
        stream.write("\n" + json.dumps({"trial": "t", "rounds": [{"index": index, "samples": [{"index": 99}]}]}) + "\n")


def test_a_node_is_followed_through_its_journal_to_its_end(tmp_path: Path):
    reports = Reports(tmp_path, JOB)
    assert reports.look() == {}
    path = report(tmp_path, "n1")
    assert reports.look()["n1"].progress == "begun"
    measured(path, 0)
    measured(path, 1)
    assert reports.look()["n1"].progress == "round 2 of 5"
    measured(path, 2)
    assert reports.look()["n1"].progress == "round 3 of 5"
    report(tmp_path, "n1", finished=True)
    path.with_suffix(".journal").unlink()
    assert reports.look()["n1"].progress == "done"


def test_who_looks_for_the_first_time_sees_the_journal_too(tmp_path: Path):
    measured(report(tmp_path, "n1"), 3)
    assert Reports(tmp_path, JOB).look()["n1"].round == 4


def test_reports_of_other_jobs_and_of_earlier_days_are_left_out(tmp_path: Path):
    report(tmp_path, "n1", job="13")
    report(tmp_path, "n2", stamp="20261129T100000Z")
    report(tmp_path, "n3", stamp="20261129T110000Z")  # by a clock that is late
    (tmp_path / "20261129T130000Z-n4-00000000.json").write_text("{")
    (tmp_path / "20261129T130000Z-n5-00000000.json").write_text('{"launcher": null}')
    (tmp_path / "20261129T130000Z-n6-00000000.json").write_text('["launcher"]')
    assert set(Reports(tmp_path, JOB).look()) == {"n3"}
    assert set(Reports(tmp_path, Job("12")).look()) == {"n2", "n3"}


def test_a_report_that_is_half_written_is_looked_at_again(tmp_path: Path):
    path = tmp_path / "20261129T120005Z-n1-00000012.json"
    path.write_text('{"laun')
    reports = Reports(tmp_path, JOB)
    assert reports.look() == {}
    report(tmp_path, "n1")
    assert set(reports.look()) == {"n1"}


def fleet(number: int) -> tuple[dict[str, NodeReport], list[str]]:
    names = [f"n{index}" for index in range(1, number + 1)]
    some = {name: NodeReport(Path(name), name, round=1 + index % 5, rounds=5) for index, name in enumerate(names[:-20])}
    done = {name: NodeReport(Path(name), name, finished=True, complete=True) for name in names[: number // 2]}
    return {**some, **done}, names


def test_of_many_nodes_the_line_says_how_many_and_who_is_behind():
    reports, names = fleet(200)
    line = progress(reports, names, 200, {"n200": Fate("it was killed")})
    assert line == (
        "200 nodes: 100 done, 80 measuring, 19 not begun, 1 failed; last: n101 round 1 of 5, n106 round 1 of 5, "
        "n111 round 1 of 5 and 77 more"
    )


@pytest.mark.parametrize("known", [True, False])
def test_of_few_nodes_each_is_named_where_the_names_are_known(known: bool):
    reports = {"n2": NodeReport(Path("2"), "n2", True, True), "n10": NodeReport(Path("10"), "n10", round=1, rounds=2)}
    names = ["n1", "n2", "n10"] if known else []
    line = progress(reports, names, 3, {"n1": Fate("it was killed")} if known else {})
    assert line == (
        "n1 failed, n2 done, n10 round 1 of 2"
        if known
        else "3 nodes: 1 done, 1 measuring, 1 not begun; last: n10 round 1 of 2"
    )
