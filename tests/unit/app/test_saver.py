"""The journal beside a report: what was measured before a kill is in the report that is read."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import a_machine, a_report, a_round, a_trial

from mambench.analysis.results import summarise
from mambench.app.saver import Saver
from mambench.model import Report, Result
from mambench.report import document as report_json
from mambench.report.journal import Journal, left_in, merged


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "20261121T100000Z-node.cluster-01234567.json"


def a_result(rounds: int = 1, **changes: Any) -> Result:
    return summarise(a_trial(**changes), [a_round(index) for index in range(rounds)])


def saver(path: Path, *results: Result) -> Saver:
    made = Saver(path, a_machine())
    made.save(a_report())
    for result in results:
        made.add(result)
    return made


def whole(*results: Result) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(report_json.dumps(a_report(results=results)))
    return content


def test_what_a_killed_run_left_reads_as_the_report_that_it_would_have_written(path: Path) -> None:
    small, large = a_result(n=64), a_result(n=128)
    saver(path, small, large, a_result(2, n=64), a_result(2, n=128), a_result(3, n=64))
    assert report_json.load(path) == whole(a_result(3, n=64), a_result(2, n=128))
    assert left_in(path.parent) == [path]


def test_a_row_that_has_no_round_is_kept_too(path: Path) -> None:
    result = replace(a_result(), rounds=())
    saver(path, result)
    assert report_json.load(path)["results"][0]["rounds"] == []


def test_a_finished_report_needs_no_journal(path: Path) -> None:
    made = saver(path, a_result())
    made.save(a_report(results=(a_result(),), finished="2026-11-21T10:05:00Z", complete=True))
    assert left_in(path.parent) == []
    assert report_json.load(path)["complete"]


def test_a_journal_that_outlived_its_finished_report_is_not_read(path: Path) -> None:
    saver(path, a_result(2))
    Path(path).write_text(report_json.dumps(a_report(results=(), finished="2026-11-21T10:05:00Z")))
    assert report_json.load(path)["results"] == []


@pytest.mark.parametrize(("cut", "rounds"), [(0, 2), (1, 2), (2, 1), (40, 1), (400, 1)])
def test_a_line_that_was_cut_off_costs_that_line_only(path: Path, cut: int, rounds: int) -> None:
    saver(path, a_result(1), a_result(2))
    journal = path.with_suffix(".journal")
    content = journal.read_bytes()
    journal.write_bytes(content[: len(content) - cut])
    assert len(report_json.load(path)["results"][0]["rounds"]) == rounds


def test_a_full_disk_loses_no_line_once_there_is_room_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = saver(path, a_result(1))
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", lambda _descriptor: (_ for _ in ()).throw(OSError(28, "No space left")))
        made.add(a_result(2))
    with path.with_suffix(".journal").open("ab") as stream:
        stream.write(b'{"half of a li')
    made.add(a_result(3))
    assert [round_["index"] for round_ in report_json.load(path)["results"][0]["rounds"]] == [0, 1, 2]


def test_a_line_holds_the_latest_round_only(path: Path) -> None:
    saver(path, *(a_result(rounds) for rounds in (1, 2, 3, 4)))
    lines = [line for line in path.with_suffix(".journal").read_bytes().splitlines() if line]
    assert [len(json.loads(line)["rounds"]) for line in lines] == [1, 1, 1, 1]


def test_what_is_no_row_is_left_out() -> None:
    report = whole(a_result())
    assert merged(report, b'[]\n{"trial": "x"}\n\xff\nnull\n') == report


def test_a_report_that_could_not_be_begun_is_an_error_and_one_that_could_not_be_ended_is_kept_in_mind(
    path: Path,
) -> None:
    from mambench.errors import ReportError

    made = Saver(path / "no folder" / "x.json", a_machine())
    with pytest.raises(ReportError):
        made.save(a_report())
    last: Report = a_report(finished="2026-11-21T10:05:00Z")
    made.save(last)
    assert isinstance(made.problem, ReportError)
    assert made.report is last


def test_removing_what_is_not_there_is_no_error(path: Path) -> None:
    Journal(path).remove()
