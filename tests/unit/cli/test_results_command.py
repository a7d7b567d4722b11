"""`mambench results`: what was measured here, shown again, and removed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from comparisons import a_comparison

from mambench.cli import main
from mambench.report import document

FIRST, SECOND = "20261121T100000Z-host-01234567", "20261122T090000Z-host-89abcdef"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    results = tmp_path / "results"
    results.mkdir()
    second = replace(a_comparison(), run_id="89abcdef" * 4, created="2026-11-22T09:00:00Z", complete=False)
    (results / f"{FIRST}.json").write_text(document.dumps(a_comparison()), encoding="utf-8")
    (results / f"{SECOND}.json").write_text(document.dumps(second), encoding="utf-8")
    (results / f"{SECOND}.html").write_text("a page")
    logs = tmp_path / "logs" / second.run_id
    logs.mkdir(parents=True)
    (logs / "round.log").write_text("a log")
    return tmp_path


def results(home: Path, *words: str) -> int:
    return main.main(["results", *words, "--home", str(home)])


def test_the_list_has_the_newest_first(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results(home) == 0
    shown = capsys.readouterr().out
    assert shown.index("89abcdef") < shown.index("01234567")
    for words in ("2026-11-22", "numpy-openblas", "GFLOPS", "stopped", "complete"):
        assert words in shown


def test_the_list_as_json(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "results" / "20261123T100000Z-broken-00000000.json").write_text("{")
    assert results(home, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [(each["run_id"][:8], each["complete"]) for each in told["results"]] == [
        ("89abcdef", False),
        ("01234567", True),
    ]
    assert told["results"][0]["fastest"]["trial"].startswith("matmul/numpy-openblas@pypi")
    assert "broken" in told["problems"][0]["file"]


def test_a_broken_report_is_named_below_the_list(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "results" / "20261123T100000Z-broken-00000000.json").write_text('{"schema_version": 99}')
    assert results(home) == 0
    shown = capsys.readouterr()
    assert "89abcdef" in shown.out and "broken-00000000" in shown.err.replace("\n", "")
    assert "schema version 99" in shown.err.replace("\n", " ")


def test_a_result_is_shown_again(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results(home, "show", "latest") == 0
    assert SECOND in capsys.readouterr().out.replace("\n", "")
    assert results(home, "show", "nothing") == 5


def test_removing_takes_the_page_and_the_logs_along(home: Path) -> None:
    assert results(home, "remove", "89abcdef") == 0
    assert [path.name for path in (home / "results").iterdir()] == [f"{FIRST}.json"]
    assert list((home / "logs").iterdir()) == []
    assert results(home, "remove", "latest") == 0
    assert list((home / "results").iterdir()) == []


def test_nothing_is_removed_where_a_name_is_wrong_or_a_file_not_ours(home: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine.json"
    mine.write_text("{}")
    before = sorted((home / "results").iterdir())
    assert results(home, "remove", "latest", "nothing") == 5
    assert results(home, "remove", "latest", str(mine)) == 2
    assert sorted((home / "results").iterdir()) == before and mine.exists()


def test_a_report_that_claims_a_strange_id_removes_nothing_else(home: Path) -> None:
    evil = replace(a_comparison(), run_id="../results")
    (home / "results" / "20261124T100000Z-host-evil0000.json").write_text(document.dumps(evil))
    assert results(home, "remove", "evil0000") == 0
    assert (home / "results" / f"{FIRST}.json").exists()


def test_nothing_measured_yet_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert results(tmp_path) == 0
    assert "nothing was measured yet" in capsys.readouterr().err
