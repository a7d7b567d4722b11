"""`mambench report`, from the command line to its files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from comparisons import a_comparison, across_benchmarks

from mambench.cli import main
from mambench.report import document

NAME = "20261121T100000Z-host-01234567.json"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / NAME).write_text(document.dumps(a_comparison()), encoding="utf-8")
    return tmp_path


def report(home: Path, *words: str) -> int:
    return main.main(["report", *words, "--home", str(home)])


def test_without_a_format_the_table_of_the_latest_is_shown(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(home) == 0
    shown = capsys.readouterr().out
    assert "numpy-openblas" in shown and "fastest" in shown and NAME in shown.replace("\n", "")


def test_html_lies_beside_the_report_or_where_it_is_wanted(home: Path, tmp_path: Path) -> None:
    assert report(home, "--html") == 0
    assert (home / "results" / NAME).with_suffix(".html").read_text(encoding="utf-8").startswith("<!doctype html>")
    assert report(home, "latest", "--html", str(tmp_path / "page.html")) == 0
    assert (tmp_path / "page.html").is_file()


def test_texts_go_to_standard_output_or_to_a_file(
    home: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    assert report(home, "latest", "--markdown") == 0
    assert capsysbinary.readouterr().out.startswith(b"On this computer")
    assert report(home, "01234567", "--csv", str(tmp_path / "rows.csv"), "--format", "bencher") == 0
    assert (tmp_path / "rows.csv").read_text(encoding="utf-8").count("\n") == 3
    assert "gflops" in capsysbinary.readouterr().out.decode()


def test_a_report_is_not_written_over_by_a_slip(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "results" / NAME
    before = path.read_bytes()
    for option in ("--csv", "--html", "--markdown", "--csv-samples", "--json"):
        assert report(home, option, str(path)) == 2
        assert "would write over a report" in capsys.readouterr().err.replace("\n", " ")
    assert path.read_bytes() == before


def test_two_documents_do_not_share_standard_output(home: Path) -> None:
    assert report(home, "latest", "--csv", "--markdown") == 2
    assert report(home, "latest", "--csv", "--format", "bencher") == 2


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}', '{"schema_version": 1}', "\x00", "NaN"])
@pytest.mark.parametrize("option", [(), ("--html",), ("--csv",)], ids=str)
def test_what_is_no_report_ends_with_5_and_a_sentence(
    home: Path, text: str, option: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    broken = home / "broken.json"
    broken.write_text(text, encoding="utf-8")
    assert report(home, str(broken), *option) == 5
    said = capsys.readouterr().err
    assert "broken.json" in said.replace("\n", "") and "Traceback" not in said


def test_a_truncated_report_ends_with_5_and_writes_nothing(home: Path) -> None:
    cut = home / "cut.json"
    cut.write_text(json.dumps(document.to_dict(a_comparison()))[:900], encoding="utf-8")
    assert report(home, "latest", str(cut), "--html") == 5
    assert not (home / "results" / NAME).with_suffix(".html").exists()


def test_nothing_measured_yet_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert report(tmp_path) == 5
    assert "nothing was measured yet" in capsys.readouterr().err.replace("\n", " ")


def test_the_summary_goes_wherever_the_report_goes(
    home: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    several = tmp_path / "several.json"
    several.write_text(document.dumps(across_benchmarks("a@pypi", "b@conda")), encoding="utf-8")
    words = [str(several), "--baseline", "b", "--score"]
    assert report(home, *words) == 0
    assert b"Speed over b" in capsysbinary.readouterr().out
    assert report(home, *words, "--markdown", "--html", str(tmp_path / "page.html")) == 0
    assert b"| geometric mean |" in capsysbinary.readouterr().out
    assert "geometric mean" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_a_baseline_that_is_not_in_the_report_is_2_with_the_nearest_names(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(home, "--baseline", "numpy-openblass", "--csv", str(home / "rows.csv")) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "numpy-openblass" in said and "did you mean numpy-openblas, numpy-mkl?" in said
    assert not (home / "rows.csv").exists()


def test_a_baseline_that_may_be_two_stacks_is_2(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = home / "two.json"
    path.write_text(document.dumps(across_benchmarks("a@pypi", "a@conda")), encoding="utf-8")
    assert report(home, str(path), "--baseline", "a") == 2
    assert "may be a@pypi or a@conda" in " ".join(capsys.readouterr().err.split())
    assert report(home, str(path), "--baseline", "a@conda") == 0


def test_run_refuses_a_baseline_that_it_does_not_measure_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["run", "numpy-openblas", "--baseline", "numpy-mkl", "--yes", "--offline", "--home", str(tmp_path)]
    assert main.main(words) == 2
    assert "--baseline numpy-mkl: no stack of that name is measured" in " ".join(capsys.readouterr().err.split())
    assert not list((tmp_path / "results").glob("*"))
