"""Reports in short: read without what they do not hold, and what is wrong with a file said."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from statistics import fmean, variance
from typing import Any

import pytest
from builders import a_machine, a_round
from comparisons import a_comparison, a_row

from mambench.errors import ReportError
from mambench.model import Check, Failure, Launcher, Reason, WrongEntry
from mambench.report import document, library
from mambench.report.digests import Reader


def written(path: Path, text: str) -> Path:
    path.write_bytes(text.encode())
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return written(tmp_path / "report.json", document.dumps(a_comparison()))


def test_a_digest_has_the_numbers_of_its_report(file: Path) -> None:
    digest, report = Reader().read(file), a_comparison()
    assert (digest.run_id, digest.machine, digest.complete) == (report.run_id, "host", True)
    for row, result in zip(digest.rows, report.results, strict=True):
        logs = [math.log(each.median_seconds) for each in result.rounds]
        assert row.trial == result.trial and row.seconds == result.seconds and row.verified
        assert row.log_mean == pytest.approx(fmean(logs))
        assert row.squared_error == pytest.approx(variance(logs) / len(logs))


def test_a_text_in_another_layout_reads_the_same(file: Path, tmp_path: Path) -> None:
    content = json.loads(file.read_text(encoding="utf-8"))
    texts = (json.dumps(content), json.dumps(content, indent=4), json.dumps(content, indent=1, ensure_ascii=True))
    for text in texts:
        assert Reader().read(written(tmp_path / "other.json", text)) == Reader().read(file)


def test_what_a_sample_holds_is_not_looked_at(file: Path) -> None:
    odd = file.read_text(encoding="utf-8").replace('"at_seconds": 1.0', '"at_seconds": "no number"')
    with pytest.raises(ReportError):
        document.read(written(file.with_name("odd.json"), odd))
    assert Reader().read(file.with_name("odd.json")) == Reader().read(file)


def test_half_a_character_in_a_text_does_not_break_a_report(file: Path) -> None:
    half = file.read_text(encoding="utf-8").replace('"A system"', '"\\ud800 A system"')
    (row, *_) = Reader().read(written(file.with_name("half.json"), half)).rows
    assert dict(row.surroundings.facts)["system"] == "\ufffd A system"


def test_the_computer_and_what_launched_the_run_are_told(tmp_path: Path) -> None:
    cpu = replace(a_machine().cpu, microcode="0x2b000603")
    machine = replace(a_machine(), cpu=cpu, kernel="6.8.0-45", firmware="1.4.2")
    entry = WrongEntry((12, 345), 1.25, 0.98)
    checks = (Check("freivalds", 1.0, 1e-13, ok=False, wrong_entry=entry),)
    failure = Failure("failed", Reason.WRONG_RESULT, "the product is wrong")
    conditions = {"cpu_mhz": 2100.0, "throttled": True}
    wrong = replace(
        a_row(), status="failed", failure=failure, rounds=(a_round(checks=checks, conditions=conditions),) * 3
    )
    report = a_comparison(results=(wrong,), machine=machine, launcher=Launcher("slurm", "n17", job="4711"))
    digest = Reader().read(written(tmp_path / "it.json", document.dumps(report)))
    assert (digest.node, digest.machine, digest.job, digest.finished) == ("n17", "host", "4711", None)
    (row,) = digest.rows
    facts = dict(row.surroundings.facts)
    assert [facts[name] for name in ("microcode", "kernel", "firmware")] == ["0x2b000603", "6.8.0-45", "1.4.2"]
    assert (row.reason, row.message, row.wrong_entry) == ("wrong_result", "the product is wrong", entry)
    assert (row.device_name, row.disturbed_rounds) == ("A processor", 3)
    assert row.readings == (("CPU clock", 2100.0),)


def test_fewer_than_three_rounds_have_no_error_to_tell(tmp_path: Path) -> None:
    report = replace(a_comparison(), results=(a_row(rounds=2),))
    (row,) = Reader().read(written(tmp_path / "two.json", document.dumps(report))).rows
    assert row.squared_error is None and row.log_mean == math.log(row.seconds.median if row.seconds else 0)


def test_what_surrounded_a_row_is_told(tmp_path: Path) -> None:
    conditions = {"governor": "powersave", "other_cpu_percent": 31.0}
    rounds = tuple(replace(each, conditions=conditions) for each in a_row().rounds)
    report = replace(a_comparison(), results=(replace(a_row(), rounds=rounds),))
    (row,) = Reader().read(written(tmp_path / "it.json", document.dumps(report))).rows
    facts = dict(row.surroundings.facts)
    assert (facts["governor"], facts["CPU"], facts["threads"]) == ("powersave", "A processor", "8")
    assert row.surroundings.packages == (("numpy", "2.4.6"),) and row.other_cpu_percent == 31


def test_what_nodes_of_one_cluster_depart_in_is_told_where_it_is_known(tmp_path: Path) -> None:
    report = a_comparison()
    (row, *_) = Reader().read(written(tmp_path / "old.json", document.dumps(report))).rows
    assert not {"microcode", "boost", "NUMA nodes", "kernel", "firmware"} & dict(row.surroundings.facts).keys()
    cpu = replace(report.machine.cpu, microcode="0x2b000603", boost=False, numa_nodes=4)
    machine = replace(report.machine, cpu=cpu, kernel="6.1.0-18-amd64", firmware="2.19.1 (06/04/2024)")
    (row, *_) = Reader().read(written(tmp_path / "it.json", document.dumps(replace(report, machine=machine)))).rows
    told = dict(row.surroundings.facts)
    assert (told["microcode"], told["boost"], told["NUMA nodes"]) == ("0x2b000603", "off", "4")
    assert (told["kernel"], told["firmware"]) == ("6.1.0-18-amd64", "2.19.1 (06/04/2024)")


def test_a_journal_beside_a_report_is_read_too(tmp_path: Path) -> None:
    report = replace(a_comparison(), finished=None, complete=False)
    file = written(tmp_path / "it.json", document.dumps(replace(report, results=())))
    rows = [document.result_dict(row, report.machine) for row in report.results]
    written(tmp_path / "it.journal", "".join(f"\n{json.dumps(row)}\n" for row in rows))
    assert len(Reader().read(file).rows) == 2


BROKEN: list[Any] = [
    "",
    "{",
    "[]",
    "null",
    "\x00",
    '{"schema_version": 1}',
    '{"schema_version": true}',
    '{"schema_version": 99}',
    '{"schema_version": 1, "run_id": NaN}',
]


@pytest.mark.parametrize("text", BROKEN)
def test_what_is_no_report_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(ReportError, match=r"it\.json"):
        Reader().read(written(tmp_path / "it.json", text))


def test_half_a_report_is_named_wherever_it_ends(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    for length in range(1, len(text) - 3, 97):
        with pytest.raises(ReportError, match=r"cut\.json"):
            Reader().read(written(file.with_name("cut.json"), text[:length]))


def test_one_broken_report_keeps_none_of_the_others_back(file: Path, tmp_path: Path) -> None:
    broken, copy = written(tmp_path / "broken.json", "{"), written(tmp_path / "copy.json", file.read_text())
    read = library.library([broken, file, copy])
    assert list(read.problems) == [broken]
    assert list(read.digests) == [file], "a copy is the same run"


def test_texts_lose_what_steers_a_terminal(tmp_path: Path) -> None:
    evil = "\x1b]0;owned\x07\x1b[2J\u202e"
    rounds = (replace(a_round(), facts={"blas": evil}),)
    report = replace(a_comparison(), mambench=evil, results=(replace(a_row(rounds=1), rounds=rounds),))
    digest = Reader().read(written(tmp_path / "it.json", document.dumps(report)))
    assert "\x1b" not in repr(digest).encode().decode("unicode_escape") and "\u202e" not in str(digest)
    assert "\ufffd" in digest.mambench


def test_folders_stand_for_their_reports(tmp_path: Path) -> None:
    results = tmp_path / "home" / "results"
    results.mkdir(parents=True)
    for name in ("20261121T100000Z-host-0123abcd", "20261122T100000Z-host-0456abcd"):
        written(results / f"{name}.json", "{}")
    for name in (str(results), str(results.parent)):
        assert [file.stem[-8:] for file in library.find_all([name, "latest"], results)] == ["0456abcd", "0123abcd"]
    (tmp_path / "empty").mkdir()
    with pytest.raises(ReportError, match="no report in the folder"):
        library.find_all([str(tmp_path / "empty")], results)
