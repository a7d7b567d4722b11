"""A report file read back: nothing is lost, and what is broken, foreign or hostile is told as such."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from builders import a_device, a_report, a_round, a_trial, validated
from test_document import a_full_report

from mambench.analysis.answer import disturbed
from mambench.analysis.results import summarise
from mambench.errors import ExitCode, ReportError
from mambench.model import Check, Failure, Reason, Result, RowWarning, WarningKind, WrongEntry
from mambench.report import document, reading
from mambench.report.digests import Reader


def content_of_a_full_report() -> dict[str, Any]:
    return validated(a_full_report())


def test_what_was_written_is_read_back_as_the_same_report() -> None:
    content = content_of_a_full_report()
    assert document.to_dict(reading.from_dict(content)) == content


def test_a_gpu_measured_while_others_work_is_read_back_with_them(tmp_path: Path) -> None:
    trial = a_trial(device="cuda:0", beside=(a_device("cuda:1"), a_device("cuda:3")))
    row = Result(trial, "failed", failure=Failure("failed", Reason.RAISED, "cuda:3 stopped working beside it"))
    content = validated(a_report(results=(row,)))
    (told,) = content["results"]
    assert "/cuda:0+cuda:1+cuda:3/" in told["trial"] and [each["index"] for each in told["devices"]] == [0, 1, 3]
    assert reading.from_dict(content).results[0].trial == row.trial
    file = tmp_path / "it.json"
    file.write_text(json.dumps(content), encoding="utf-8")
    assert Reader().read(file).rows[0].trial == row.trial


def test_a_row_that_drifted_is_disturbed_when_it_is_read_back_too() -> None:
    drifted = RowWarning(WarningKind.DRIFT, "runs took 8 % longer at its end")
    row = replace(summarise(a_trial(), [a_round(0)]), warnings=(drifted,))
    (read,) = reading.from_dict(validated(a_report(results=(row,)))).results
    assert read.warnings == (drifted,) and disturbed(read)


def test_the_entry_that_is_wrong_is_read_back() -> None:
    entry = WrongEntry((3, 511, 0), None, -0.25)
    wrong = replace(a_round(), checks=(Check("freivalds", None, 1e-13, False, 7, entry),))
    failure = Failure("failed", Reason.WRONG_RESULT, "entry [3, 511, 0] is NaN and should be -0.25")
    content = validated(a_report(results=(Result(a_trial(), "failed", (wrong,), failure=failure),)))
    (check,) = content["results"][0]["rounds"][0]["checks"]
    assert check["wrong_entry"] == {"index": [3, 511, 0], "value": None, "expected": -0.25}
    assert reading.from_dict(content).results[0].rounds[0].checks[0].wrong_entry == entry


def test_what_nodes_of_one_cluster_depart_in_is_read_back() -> None:
    machine = a_report().machine
    cpu = replace(machine.cpu, microcode="0x2b000603", boost=False, numa_nodes=4)
    told = replace(machine, cpu=cpu, kernel="6.1.0-18-amd64", firmware="2.19.1")
    assert reading.from_dict(validated(a_report(machine=told))).machine == told


def test_a_methodology_of_an_earlier_report_stays_its_own() -> None:
    content = {**content_of_a_full_report(), "methodology": 7}
    assert document.to_dict(reading.from_dict(content))["methodology"] == 7


def test_keys_that_later_versions_added_may_be_missing_or_unknown() -> None:
    content = content_of_a_full_report()
    for environment in content["environments"].values():
        for name in ("title", "tested", "warnings", "installer_variables", "executable"):
            del environment[name]
    del content["machine"]["notes"], content["machine"]["cpu"]["simd"]
    content["surprise"] = {"of": "tomorrow"}
    assert reading.from_dict(content).environments[0].spec.title == "numpy-openblas"


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield path
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(item, (*path, name))


def changed(content: dict[str, Any], path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    whole = copy.deepcopy(content)
    inner: Any = whole
    for name in path[:-1]:
        inner = inner[name]
    if value is MISSING:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return whole


MISSING = object()


@pytest.mark.parametrize(
    "value", [MISSING, None, [], {}, "text", -1, 10**400, True, 1e308], ids=lambda value: repr(value)[:9]
)
def test_any_part_that_is_missing_or_of_another_type_is_read_or_refused_in_words(value: Any) -> None:
    content = content_of_a_full_report()
    for path in leaves(content):
        try:
            reading.from_dict(changed(content, path, value))
        except ReportError as error:
            assert "not a whole mambench report" in str(error), path


def test_a_row_that_is_ok_without_samples_is_refused() -> None:
    content = content_of_a_full_report()
    content["results"][0]["rounds"][1]["samples"] = []
    with pytest.raises(ReportError, match="no samples"):
        reading.from_dict(content)


def test_what_steers_a_terminal_is_taken_out_of_every_text() -> None:
    hostile = "\x1b]0;owned\x07\x1b[31mred\x9b1m \u202etfel"
    content = content_of_a_full_report()
    content["machine"]["hostname"] = content["results"][1]["failure"]["message"] = hostile
    content["results"][0]["rounds"][0]["facts"][hostile] = [hostile]
    text = json.dumps(document.to_dict(reading.from_dict(content)), ensure_ascii=False)
    assert not [part for part in ("\\u001b", "\x9b", "\u202e", "\\u0007") if part in text]
    assert "red" in text


def test_a_file_of_a_later_version_says_to_update(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    file.write_text(json.dumps({**content_of_a_full_report(), "schema_version": 99}), encoding="utf-8")
    with pytest.raises(ReportError, match="schema version 99") as caught:
        document.read(file)
    assert caught.value.exit_code == ExitCode.FILE and "later one" in caught.value.remedy


@pytest.mark.parametrize("cut", [1, 100, 1000, 3000])
def test_a_truncated_file_is_told_with_its_name(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "r.json"
    file.write_text(document.dumps(a_full_report())[:cut], encoding="utf-8")
    with pytest.raises(ReportError, match=r"r\.json"):
        document.read(file)


@pytest.mark.parametrize("text", ['{"schema_version": 1}', '{"schema_version": 1, "results": 3}', "[" * 100_000, "NaN"])
def test_a_foreign_file_is_told_with_its_name(tmp_path: Path, text: str) -> None:
    file = tmp_path / "r.json"
    file.write_text(text, encoding="utf-8")
    file.with_suffix(".journal").write_text('{"trial": 1, "rounds": 2}\n', encoding="utf-8")
    with pytest.raises(ReportError, match=r"r\.json"):
        document.read(file)


def test_a_report_read_from_its_file_is_the_one_that_was_saved(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    report = replace(a_full_report(), warnings=("a line\nand another",))
    file.write_text(document.dumps(report), encoding="utf-8")
    assert document.to_dict(document.read(file)) == document.to_dict(report)
