"""`mambench compare`, from the command line to its exit code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from comparisons import a_comparison, a_row

from mambench.cli import main
from mambench.model import Report
from mambench.report import document
from mambench.system import resources


def saved(folder: Path, name: str, report: Report, run_id: str) -> str:
    path = folder / f"{name}.json"
    path.write_text(document.dumps(replace(report, run_id=run_id * 8)), encoding="utf-8")
    return str(path)


@pytest.fixture
def before(tmp_path: Path) -> str:
    return saved(tmp_path, "before", a_comparison(), "0aaa")


@pytest.fixture
def after(tmp_path: Path) -> str:
    rows = (a_row(seconds=0.2), a_row("numpy-mkl@conda", 0.131))
    return saved(tmp_path, "after", a_comparison(results=rows), "0bbb")


def compare(tmp_path: Path, *words: str) -> int:
    return main.main(["compare", *words, "--home", str(tmp_path / "home")])


def test_a_difference_is_shown_with_what_is_known_about_it(
    tmp_path: Path, before: str, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compare(tmp_path, before, after) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "2 rows: 1 slower, 1 with no difference seen." in shown
    assert "only the number" in shown and "0.500" in shown


def test_slower_than_asked_for_ends_with_6(tmp_path: Path, before: str, after: str) -> None:
    assert compare(tmp_path, before, after, "--fail-slower", "5%") == 6
    assert compare(tmp_path, before, after, "--fail-slower", "60") == 0
    assert compare(tmp_path, after, before, "--fail-slower", "5%") == 0
    for wrong in ("-1%", "many", "100%", ""):
        assert compare(tmp_path, before, after, f"--fail-slower={wrong}") == 2


def test_what_cannot_be_compared_ends_with_4_where_that_is_asked_for(tmp_path: Path, before: str) -> None:
    quick = saved(tmp_path, "quick", a_comparison(results=(a_row(rounds=1),)), "0ccc")
    assert compare(tmp_path, before, quick) == 0
    assert compare(tmp_path, before, quick, "--fail-on-incomparable") == 4


def test_json_keeps_its_schema(tmp_path: Path, before: str, after: str, capsys: pytest.CaptureFixture[str]) -> None:
    quick = saved(tmp_path, "quick", a_comparison(results=(a_row(rounds=1),)), "0ccc")
    schema = json.loads(resources.comparison_schema().read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    for other in (after, quick):
        assert compare(tmp_path, before, other, "--json") == 0
        content: dict[str, Any] = json.loads(capsys.readouterr().out)
        jsonschema.validate(content, schema)
    assert compare(tmp_path, before, after, "--json", str(tmp_path / "it.json")) == 0
    assert json.loads((tmp_path / "it.json").read_text())["rows"][0]["verdict"] == "slower"


def test_html_is_a_page_without_a_network(tmp_path: Path, before: str, after: str) -> None:
    page = tmp_path / "it.html"
    assert compare(tmp_path, before, after, "--html", str(page)) == 0
    text = page.read_text(encoding="utf-8")
    assert "1 slower" in text and "only the number" in text and "default-src &#39;none&#39;" in text


def test_several_of_each_are_told_apart_by_to_or_by_folders(
    tmp_path: Path, before: str, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    again = saved(tmp_path, "again", a_comparison(), "0ddd")
    for words in ([before, again, "--to", after], [after, "--to", before, again], [before, after, again]):
        assert compare(tmp_path, *words, "--json") == 0
        told = json.loads(capsys.readouterr().out)
        counts = len(told["baseline"]), len(told["candidate"])
        assert counts == {3: (1, 2), 4: (2, 1) if words[0] == before else (1, 2)}[len(words)]
    folder = tmp_path / "folder"
    folder.mkdir()
    saved(folder, "one", a_comparison(), "0eee")
    saved(folder, "two", a_comparison(), "0fff")
    assert compare(tmp_path, str(folder), after, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)["baseline"]) == 2


def test_one_broken_report_among_many_is_named_and_the_rest_goes_on(
    tmp_path: Path, before: str, after: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema_version": 99}')
    assert compare(tmp_path, before, str(broken), after) == 5
    shown = capsys.readouterr()
    assert "broken.json" in shown.err.replace("\n", "") and "1 slower" in " ".join(shown.out.split())
    assert compare(tmp_path, before, str(broken), after, "--fail-slower", "5%") == 6


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema_version": 99}', '{"schema_version": 1}', "\x00", "NaN"])
def test_what_is_no_report_ends_with_5_and_a_sentence(
    tmp_path: Path, before: str, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.json"
    broken.write_text(text)
    for words in ([before, str(broken)], [str(broken), before]):
        assert compare(tmp_path, *words) == 5
        said = capsys.readouterr().err
        assert "broken.json" in said.replace("\n", "") and "Traceback" not in said


def test_wrong_usage_is_2_and_writes_over_no_report(tmp_path: Path, before: str, after: str) -> None:
    assert compare(tmp_path, before) == 2
    assert compare(tmp_path, before, after, "--html", "-") == 2
    kept = Path(after).read_text()
    for option in ("--html", "--json"):
        assert compare(tmp_path, before, after, option, after) == 2
    assert Path(after).read_text() == kept


def test_hostile_texts_do_nothing_in_the_terminal_or_the_page(
    tmp_path: Path, before: str, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J</script><script>alert(1)</script>\u202e[red]"
    machine = replace(a_comparison().machine, hostname=evil)
    rows = (a_row(seconds=0.4),)
    other = saved(tmp_path, "evil", a_comparison(machine=machine, mambench=evil, results=rows), "0ccc")
    page = tmp_path / "it.html"
    assert compare(tmp_path, before, other, "--html", str(page)) == 0
    shown = capsys.readouterr()
    text = page.read_text(encoding="utf-8")
    for steering in ("\x1b", "\x07", "\u202e"):
        assert steering not in shown.out + shown.err + text
    assert "<script>alert" not in text


def test_the_same_run_on_both_sides_is_said(tmp_path: Path, before: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert compare(tmp_path, before, before) == 0
    assert "on both sides" in capsys.readouterr().err
