"""`run --repeat` with pythons that a person has: what goes with it, what is said, and how it ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from e2e.driver import Bench, Done, no_traceback, told_in_plain_words
from reports import valid


@pytest.fixture
def report(alone: Bench) -> Path:
    """Of one row in three rounds."""
    done = alone.run("--rounds", "3", "--threads", "1")
    assert done.code == 0, done.text
    (path,) = (alone.home / "results").glob("*.json")
    return path


def edited(report: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    content = json.loads(report.read_text(encoding="utf-8"))
    change(content)
    copy = report.parent.parent / "edited.json"
    copy.write_text(json.dumps(content), encoding="utf-8")
    return copy


def repeat(bench: Bench, report: Path | str, *words: str) -> Done:
    done = bench.call("run", "--repeat", str(report), *words)
    no_traceback(done)
    return done


def test_the_same_rows_are_measured_and_compared(alone: Bench, report: Path):
    done = repeat(alone, report.with_suffix(".html"), "--json", "-")
    assert done.code == 0, done.text
    before, after = alone.reports()
    assert valid(done.out) == after
    assert after["settings"] == {**before["settings"], "repeats": before["run_id"]}
    assert [row["trial"] for row in after["results"]] == [row["trial"] for row in before["results"]]
    assert [len(row["rounds"]) for row in after["results"]] == [3]
    assert "not the same" not in done.text
    assert "no difference seen" in done.text or "faster" in done.text or "slower" in done.text


def test_it_is_found_by_its_id_and_as_the_latest(alone: Bench, report: Path):
    for name in (report.stem.rpartition("-")[2], "latest"):
        assert repeat(alone, name).code == 0
    assert len(alone.reports()) == 3


def test_slower_than_asked_for_ends_with_6(alone: Bench, report: Path):
    def speed_up(content: dict[str, Any]) -> None:
        (row,) = content["results"]
        for each in row["rounds"]:
            for sample in each["samples"]:
                sample["seconds"] /= 1000
        row["seconds"] = {name: seconds / 1000 for name, seconds in row["seconds"].items()}

    assert repeat(alone, edited(report, speed_up), "--fail-slower", "50%").code == 6
    assert repeat(alone, report, "--fail-slower", "99%").code == 0


def test_words_that_the_report_tells_itself_are_a_usage_error(alone: Bench, report: Path):
    for words in (["numpy-openblas"], ["--preset", "standard"], ["--size", "64"], ["--source", "pypi"], ["--all"]):
        done = repeat(alone, report, *words)
        assert done.code == 2, words
        told_in_plain_words(done)
        assert words[0] in done.err
    done = alone.call("run", "--fail-slower", "5%", "numpy-openblas")
    assert (done.code, "--repeat" in done.err) == (2, True)
    done = repeat(alone, report, "--json", str(report))
    assert (done.code, "is a report that is compared" in done.err) == (2, True)
    assert len(alone.reports()) == 1


def test_a_python_that_is_gone_is_said_and_nothing_else_is_taken(alone: Bench, report: Path):
    def move(content: dict[str, Any]) -> None:
        content["environments"]["existing:toys"]["executable"] = "/no/such/python"

    done = repeat(alone, edited(report, move))
    assert done.code == 3, done.text
    assert "/no/such/python cannot be started" in " ".join(done.text.split())
    assert alone.reports()[-1]["results"][0]["failure"]["reason"] == "source"


def test_other_versions_are_said(alone: Bench, report: Path):
    def age(content: dict[str, Any]) -> None:
        content["environments"]["existing:toys"]["python"] = "3.9.1"
        for each in content["results"][0]["rounds"]:
            each["facts"]["framework_version"] = "0.1"

    done = repeat(alone, edited(report, age))
    assert done.code == 0, done.text
    words = " ".join(done.err.split())
    assert f"not the same: python of existing:toys: 3.9.1 then, {sys.version.split()[0]} here" in words
    assert "not the same: clean of existing:toys: 0.1 then" in words


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (lambda content: content["results"][0].update(benchmark="sorting"), 2, "there is no benchmark 'sorting'"),
        (lambda content: content["results"][0].update(framework="magic"), 2, "matmul has no kernel for magic"),
        (lambda content: content["settings"].pop("limits"), 5, "'limits' is missing"),
        (lambda content: content["settings"].update(rounds=0), 5, "settings in the report cannot be repeated"),
        (lambda content: content["results"][0]["params"].update(m=64), 2, "of the report"),
        (lambda content: content.update(results=[]), 5, "nothing can be repeated"),
    ],
)
def test_what_can_be_no_repetition_is_refused_before_anything_starts(
    alone: Bench, report: Path, change: Callable[[dict[str, Any]], object], code: int, words: str
):
    done = repeat(alone, edited(report, change))
    assert (done.code, words in " ".join(done.err.split())) == (code, True), done.text
    told_in_plain_words(done)
    assert len(alone.reports()) == 1
