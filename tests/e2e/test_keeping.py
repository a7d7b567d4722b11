"""What a person does with results: list, show, compare, look back, remove; each by the command line, on real runs."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from e2e.driver import ROOT, Bench, no_traceback

ROUNDS = ("--rounds", "3")


@pytest.fixture
def twice(alone: Bench) -> Bench:
    """The same measured twice."""
    assert alone.run(*ROUNDS).code == 0
    assert alone.run(*ROUNDS).code == 0
    return alone


def slowed_down(report: dict[str, Any], times: float = 1e6) -> str:
    """The same report with so many times the seconds: told apart under any load, which widens every interval."""
    (row,) = report["results"]
    seconds = {name: value * times for name, value in row["seconds"].items()}
    gflops = {name: value / times for name, value in row["gflops"].items()}
    return json.dumps({**report, "run_id": "f" * 32, "results": [{**row, "seconds": seconds, "gflops": gflops}]})


def ids(bench: Bench) -> list[str]:
    """Oldest first."""
    return [report["run_id"][:8] for report in bench.reports()]


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def test_every_run_has_its_page_and_can_be_shown_again(twice: Bench):
    before, after = ids(twice)
    pages = sorted((twice.home / "results").glob("*.html"))
    assert len(pages) == 2 and all("Content-Security-Policy" in text_of(page) for page in pages)
    listed = twice.call("results")
    assert listed.code == 0 and listed.out.index(after) < listed.out.index(before)
    told = json.loads(twice.call("results", "--json").out)
    assert [each["run_id"][:8] for each in told["results"]] == [after, before]
    speed = twice.reports()[0]["results"][0]["gflops"]["median"]
    shown = twice.call("results", "show", before)
    assert shown.code == 0 and f"{speed:.4g}"[:3] in shown.out
    assert after in twice.call("report").out + twice.call("report").err


def test_a_result_goes_into_other_programs(twice: Bench):
    before = ids(twice)[0]
    row = twice.reports()[0]["results"][0]
    (line,) = csv.DictReader(io.StringIO(twice.call("report", before, "--csv", "-").out))
    assert float(line["rate_median"]) == pytest.approx(row["gflops"]["median"]), line
    lines = csv.DictReader(io.StringIO(twice.call("report", before, "--csv-samples", "-").out))
    samples = [each for each in lines if each["phase"] == "run"]
    assert len(samples) == sum(len(one["samples"]) for one in row["rounds"])
    assert twice.call("report", before, "--markdown", "-").out.count("|") > 10
    (measures,) = json.loads(twice.call("report", before, "--format", "bencher").out).values()
    assert [each["value"] for each in measures.values()] == [pytest.approx(row["gflops"]["median"])]
    (entry,) = json.loads(twice.call("report", before, "--format", "github-action-benchmark").out)
    assert (entry["unit"], entry["value"]) == ("GFLOPS", pytest.approx(row["gflops"]["median"]))


def test_two_runs_are_compared_in_words_as_a_page_and_as_json(twice: Bench):
    before, after = ids(twice)
    done = twice.call("compare", before, after, "--html", "page.html", "--json", "compared.json")
    assert done.code == 0, done.text
    no_traceback(done)
    compared: dict[str, Any] = json.loads(text_of(twice.cwd / "compared.json"))
    jsonschema.validate(compared, json.loads(text_of(ROOT / "resources" / "comparison.schema.json")))
    first, second = (report["results"][0]["gflops"]["median"] for report in twice.reports())
    (row,) = compared["rows"]
    assert (row["baseline"]["gflops"], row["candidate"]["gflops"]) == (pytest.approx(first), pytest.approx(second))
    assert row["low"] < row["ratio"] < row["high"] and row["verdict"] in ("faster", "slower", "same")
    assert {"faster": "faster", "slower": "slower", "same": "no difference seen"}[row["verdict"]] in done.out
    assert "Content-Security-Policy" in text_of(twice.cwd / "page.html")


def test_what_became_slower_fails_a_pipeline(twice: Bench):
    before = ids(twice)[0]
    (twice.cwd / "slower.json").write_text(slowed_down(twice.reports()[0]))
    done = twice.call("compare", before, "slower.json", "--fail-slower", "5%")
    assert done.code == 6 and "slower" in done.out, done.text
    assert twice.call("compare", "slower.json", before, "--fail-slower", "5%").code == 0
    assert twice.call("compare", before, before, "--fail-slower", "0").code == 0


def test_files_that_are_no_reports_end_with_5_and_a_sentence(twice: Bench):
    before = ids(twice)[0]
    whole = json.dumps(twice.reports()[0])
    broken = {
        "cut.json": whole[: len(whole) // 2],
        "foreign.json": '{"fio version": "fio-3.36", "jobs": []}',
        "future.json": json.dumps({**twice.reports()[0], "schema_version": 99}),
        "none.json": "",
    }
    for name, text in broken.items():
        (twice.cwd / name).write_text(text)
        for command in (("compare", before, name), ("report", name), ("results", "show", name)):
            done = twice.call(*command)
            assert done.code == 5, (command, done.text)
            assert name in done.err.replace("\n", "") and len(done.err.strip().splitlines()) <= 6, done.err
            no_traceback(done)


def test_a_stack_is_followed_over_time(twice: Bench):
    done = twice.call("history", "clean", "--html", "history.html")
    assert done.code == 0, done.text
    assert all(name in done.out for name in ids(twice))
    assert "Content-Security-Policy" in text_of(twice.cwd / "history.html")
    (trial,) = json.loads(twice.call("history", "clean", "--json").out)["trials"]
    assert len(trial["points"]) == 2
    wrong = twice.call("history", "nothing-of-the-kind")
    assert wrong.code == 2 and "clean" in wrong.err


def test_a_result_is_removed_with_all_that_is_its(twice: Bench):
    before, after = ids(twice)
    assert twice.call("results", "remove", before).code == 0
    assert ids(twice) == [after]
    left = [path.name for path in (twice.home / "results").iterdir()]
    assert len(left) == 2 and not [name for name in left if before in name]
