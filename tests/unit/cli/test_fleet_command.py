"""`mambench fleet`, from the command line to its exit code."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import a_machine
from comparisons import a_comparison, a_row, a_wrong_row

from mambench.analysis.fleet import Missing
from mambench.app import fleets
from mambench.app.context import Mambench
from mambench.cli import main
from mambench.errors import UsageError
from mambench.model import Failure, Launcher, Reason, Report, Result
from mambench.report import document
from mambench.system import resources
from mambench.system.home import Home
from mambench.terminal.console import Terminal


def saved(folder: Path, node: str, *rows: Result, **changes: Any) -> Path:
    folder.mkdir(exist_ok=True)
    fields: dict[str, Any] = {"finished": "2026-11-21T10:10:00Z", "launcher": Launcher("slurm", node)}
    report: Report = a_comparison(results=rows or (a_row(),), run_id=f"{node:0>32}", **{**fields, **changes})
    path = folder / f"{node}.json"
    path.write_text(document.dumps(report), encoding="utf-8")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Twelve equal nodes."""
    folder = tmp_path / "out"
    for number in range(12):
        saved(folder, f"n{number}", a_row(seconds=0.1 + 0.0001 * number))
    return folder


def fleet(tmp_path: Path, *words: str | Path) -> int:
    return main.main(["fleet", *map(str, words), "--home", str(tmp_path / "home")])


def validated(text: str) -> dict[str, Any]:
    schema = json.loads(resources.fleet_schema().read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    content: dict[str, Any] = json.loads(text)
    jsonschema.validate(content, schema)
    return content


def test_equal_nodes_are_well(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert fleet(tmp_path, out) == 0
    shown = capsys.readouterr().out
    assert "12 nodes: all is well" in shown and "slow from" in shown
    assert fleet(tmp_path, out, "--json") == 0
    told = validated(capsys.readouterr().out)
    assert len(told["groups"][0]["values"]) == 12 and told["slow"] == []


def test_a_slow_node_is_named_and_ends_with_6_where_that_is_asked_for(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(out, "snail", a_row(seconds=0.15))
    assert fleet(tmp_path, out) == 0
    assert "snail: slow on cpu:0 in its only row, by 32.9 %" in " ".join(capsys.readouterr().out.split())
    assert fleet(tmp_path, out, "--fail-slower") == 6
    assert fleet(tmp_path, out, "--fail-slower", "20%") == 6
    assert fleet(tmp_path, out, "--fail-slower", "50") == 0
    assert fleet(tmp_path, out, "--fail-slower=many") == 2


def test_a_wrong_product_is_said_first_and_never_ends_with_0(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved(out, "n99", a_wrong_row())
    assert fleet(tmp_path, out) == 4
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.startswith("n99: WRONG RESULT: numpy-openblas@pypi float64 n = 512 on cpu:0: entry [12, 345] is 1.25")
    assert fleet(tmp_path, out, "--fail-slower", "50%", "--json", tmp_path / "it.json") == 6
    (wrong,) = validated((tmp_path / "it.json").read_text())["wrong"]
    assert wrong["entry"] == {"index": [12, 345], "value": 1.25, "expected": 0.98}


def test_what_failed_and_what_is_not_there_ends_with_4(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listed = tmp_path / "nodes.txt"
    listed.write_text("n0\nn1, n2\nn3.cluster.example\n\nlost\n")
    assert fleet(tmp_path, out, "--nodes", listed) == 4
    assert "lost: missing: there is no report of it" in capsys.readouterr().out
    assert fleet(tmp_path, out, "--nodes", "n0,n1") == 0
    saved(out, "half", finished=None, complete=False)
    assert fleet(tmp_path, out) == 4
    assert "half: not complete" in capsys.readouterr().out
    with_failure = replace(a_row(), status="failed", rounds=(), seconds=None, rate=None)
    failure = Failure("failed", Reason.CRASHED, "killed by SIGSEGV")
    saved(out, "half", replace(with_failure, failure=failure))
    assert fleet(tmp_path, out, "--json", tmp_path / "it.json") == 4
    (failed,) = validated((tmp_path / "it.json").read_text())["failed"]
    assert (failed["node"], failed["reason"]) == ("half", "crashed")


def test_slurms_lists_in_brackets_are_told_how_to_expand(tmp_path: Path, out: Path) -> None:
    with pytest.raises(UsageError) as error:
        fleets.nodes_named("n[01-20,33]")
    assert "scontrol show hostnames" in error.value.remedy
    assert fleet(tmp_path, out, "--nodes", "n[01-20,33]") == 2


def test_a_broken_report_is_named_and_the_others_go_on(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (out / "broken.json").write_text('{"schema_version": 1, "run_id": ')
    assert fleet(tmp_path, out) == 5
    shown = capsys.readouterr()
    assert "broken.json" in shown.err.replace("\n", "") and "12 nodes" in shown.out
    saved(out, "snail", a_row(seconds=0.15))
    assert fleet(tmp_path, out, "--fail-slower") == 6
    alone = tmp_path / "alone"
    alone.mkdir()
    (alone / "broken.json").write_text("{")
    assert fleet(tmp_path, alone) == 5
    assert fleet(tmp_path, tmp_path / "nowhere") == 5


def test_csv_has_a_line_for_each_node(tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saved(out, "snail", a_row(seconds=0.15))
    saved(out, "bad", a_wrong_row())
    saved(out, "=half", finished=None, complete=False)
    assert fleet(tmp_path, out, "--nodes", "lost", "--csv") == 4
    lines = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert {line["node"]: line["state"] for line in lines if line["state"] != "ok"} == {
        "snail": "slow", "bad": "wrong", "lost": "missing", "'=half": "incomplete",
    }  # fmt: skip
    assert len(lines) == 12 + 1 + 1 + 1 + 2
    (snail,) = [line for line in lines if line["node"] == "snail"]
    assert float(snail["ratio"]) == pytest.approx(0.67, abs=0.01) and snail["unit"] == "GFLOPS"


def test_html_is_a_page_without_a_network(tmp_path: Path, out: Path) -> None:
    saved(out, "snail", a_row(seconds=0.15))
    saved(out, "bad", a_wrong_row())
    page = tmp_path / "it.html"
    assert fleet(tmp_path, out, "--html", page) == 4
    text = page.read_text(encoding="utf-8")
    assert "WRONG RESULT" in text and "snail" in text and "default-src &#39;none&#39;" in text


def test_wrong_usage_is_2_and_writes_over_no_report(tmp_path: Path, out: Path) -> None:
    kept = (out / "n1.json").read_text()
    for option in ("--html", "--csv", "--json"):
        assert fleet(tmp_path, out, option, out / "n1.json") == 2
    assert (out / "n1.json").read_text() == kept
    assert fleet(tmp_path, out, "--html", "-") == 2
    assert fleet(tmp_path, out, "--csv", "--json") == 2
    assert fleet(tmp_path) == 2


def test_hostile_texts_do_nothing_in_the_terminal_or_the_page(
    tmp_path: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J</script><script>alert(1)</script>\u202e[red]"
    saved(out, "evil", a_row(seconds=0.2), launcher=Launcher("slurm", evil), machine=replace(a_machine(), os=evil))
    page = tmp_path / "it.html"
    assert fleet(tmp_path, out, "--html", page) == 0
    shown = capsys.readouterr()
    text = page.read_text(encoding="utf-8")
    assert "owned" in shown.out
    for steering in ("\x1b", "\x07", "\u202e"):
        assert steering not in shown.out + shown.err + text
    assert "<script>alert" not in text


@pytest.mark.parametrize("width", [80, 120])
def test_a_large_fleet_fits_the_terminal_and_shows_only_nodes_that_matter(
    tmp_path: Path, out: Path, width: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(12, 200):
        saved(out, f"n{number}", a_row(seconds=0.1 + 0.00001 * number))
    saved(out, "snail", a_row(seconds=0.15))
    saved(out, "bad", a_wrong_row())
    monkeypatch.setenv("COLUMNS", str(width))
    assert fleet(tmp_path, out) == 4
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= width and len(lines) <= 24
    assert not any("n57" in line for line in lines)


def test_nodes_without_a_report_are_a_fleet_too(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    app = Mambench(Home(tmp_path / "home"), environ={}, terminal=Terminal())
    told = fleets.read(app, [str(empty)], missing=(Missing("n2", "it was drained"), Missing("n1", "it was drained")))
    assert [each.node for each in told.missing] == ["n1", "n2"] and told.nodes == ()
    assert fleets.absent(["n1", "n2.x", "n3"], {"n1.cluster", "n2"}) == ["n3"]
