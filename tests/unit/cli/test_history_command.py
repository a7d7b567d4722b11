"""`mambench history`, from the command line to its page."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from builders import an_environment
from comparisons import a_comparison, a_row

from mambench.cli import main
from mambench.model import Package
from mambench.report import document

HOSTILE = "\x1b[2J</script><script>alert(1)</script>\u202e"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    results = tmp_path / "results"
    results.mkdir()
    for day, version in ((21, "2.4.5"), (22, HOSTILE)):
        environment = replace(an_environment(), packages=(Package("numpy", version),))
        report = a_comparison(
            run_id=f"{day:032x}",
            created=f"2026-11-{day}T10:00:00Z",
            environments=(environment,),
            results=(a_row(seconds=0.1 * day), a_row("numpy-mkl@conda")),
        )
        (results / f"202611{day}T100000Z-host-{day:08x}.json").write_text(document.dumps(report), encoding="utf-8")
    return tmp_path


def history(home: Path, *words: str) -> int:
    return main.main(["history", *words, "--home", str(home)])


def test_a_stack_over_time_with_what_changed(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history(home, "numpy-openblas") == 0
    shown = capsys.readouterr().out
    assert shown.index("2026-11-21") < shown.index("2026-11-22")
    assert "numpy 2.4.5, now" in " ".join(shown.split()) and "numpy-mkl" not in shown
    assert "\x1b" not in shown and "\u202e" not in shown


def test_every_trial_without_a_name(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history(home) == 0
    shown = capsys.readouterr().out
    assert "numpy-mkl" in shown and "numpy-openblas" in shown


def test_a_name_that_nothing_has_is_2(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert history(home, "nothing") == 2
    assert "numpy-mkl" in capsys.readouterr().err


def test_json_and_a_page(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "it.html"
    assert history(home, "openblas", "--json", "--html", str(page)) == 0
    ((trial),) = json.loads(capsys.readouterr().out)["trials"]
    assert [point["status"] for point in trial["points"]] == ["ok", "ok"]
    assert trial["points"][1]["changes"][0]["what"] == "numpy"
    text = page.read_text(encoding="utf-8")
    assert "numpy 2.4.5, now" in text and "<script>alert" not in text and "\x1b" not in text


def test_a_broken_report_is_named_and_nothing_measured_is_said(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "results" / "20261123T100000Z-broken-00000000.json").write_text("{")
    assert history(home) == 0
    assert "broken-00000000" in capsys.readouterr().err.replace("\n", "")
    assert history(tmp_path / "empty") == 0
    assert "nothing was measured yet" in capsys.readouterr().err
