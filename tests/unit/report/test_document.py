"""A report as another program reads it: the schema, finite numbers, nothing lost on the way."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import a_gpu, a_machine, a_report, a_round, a_trial, an_environment, validated

from mambench.analysis.results import summarise
from mambench.errors import ReportError
from mambench.model import Failure, Reason, Report, Result, RowWarning, WarningKind
from mambench.report import document as report_json
from mambench.system import files, resources

TRIAL = a_trial("numpy-openblas@pypi")


def a_full_report() -> Report:
    failure = Failure("failed", Reason.CRASHED, "it ended; café", "logs/x.log")
    return a_report(
        machine=replace(a_machine("linux-64", a_gpu(uuid="GPU-1", free_bytes=7)), notes=("a note",)),
        environments=(an_environment(variables={"A": "b"}, channels=("c",)),),
        results=(
            summarise(TRIAL, [a_round(index, index) for index in range(3)]),
            summarise(replace(TRIAL, dtype="float32"), [a_round(0, 3, failure=failure)]),
            Result(
                a_trial("torch-cuda", device="cuda:0"),
                "unavailable",
                failure=Failure("unavailable", Reason.NO_DEVICE, "no GPU"),
            ),
        ),
        warnings=("a file is broken",),
        finished="2026-11-21T10:10:00Z",
        complete=True,
    )


def test_an_empty_report_keeps_the_schema() -> None:
    assert validated(a_report())["results"] == []


def test_a_full_report_keeps_the_schema() -> None:
    content = validated(a_full_report())
    assert [row["status"] for row in content["results"]] == ["ok", "failed", "unavailable"]
    assert [row["devices"][0]["uuid"] for row in content["results"]] == [None, None, "GPU-1"]
    assert content["environments"]["numpy-openblas@pypi"]["variables"] == {"A": "b"}


def test_the_schema_refuses_what_the_design_forbids() -> None:
    """Otherwise validating against it would prove nothing."""
    good = validated(a_full_report())
    for change in (
        {"status": "fine"},
        {"rate": None},
        {"seconds": {"median": 0, "best": 0, "low": None, "high": None}},
        {"verified": False},
        {"trial": "matmul/x"},
        {"dtype": "float128"},
        {"rounds": []},
        {"surprise": 1},
    ):
        broken = {**good, "results": [{**good["results"][0], **change}]}
        with pytest.raises(jsonschema.ValidationError):
            validate(broken)
    with pytest.raises(jsonschema.ValidationError):
        validate({key: value for key, value in good.items() if key != "seed"})


def test_a_failed_row_is_never_verified() -> None:
    """Also where every round passed its check, as in a row whose label is wrong."""
    failure = Failure("failed", Reason.MISLABELLED, "it says mkl, what ran was openblas")
    (row,) = validated(a_report(results=(Result(TRIAL, "failed", (a_round(),), failure=failure),)))["results"]
    assert row["verified"] is False
    with pytest.raises(jsonschema.ValidationError):
        validate({**validated(a_report()), "results": [{**row, "verified": True}]})


def test_the_schema_knows_every_reason() -> None:
    schema = json.loads(resources.schema().read_text(encoding="utf-8"))
    assert schema["$defs"]["failure"]["properties"]["reason"]["enum"] == list(Reason)


def test_warnings_are_sentences() -> None:
    warnings = (RowWarning(WarningKind.OTHER_PROGRAM, percent=23.4), RowWarning(WarningKind.WORKER, "as it says"))
    row = replace(summarise(TRIAL, [a_round()]), warnings=warnings)
    assert validated(a_report(results=(row,)))["results"][0]["warnings"] == [
        "another program used 23 % of the CPU; close it and run again",
        "as it says",
    ]


def validate(content: dict[str, Any]) -> None:
    jsonschema.validate(content, json.loads(resources.schema().read_text(encoding="utf-8")))


def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    report = a_full_report()
    files.write(tmp_path / "r.json", report_json.dumps(report))
    assert report_json.load(tmp_path / "r.json") == report_json.to_dict(report)


def test_text_stays_readable_and_ends_with_a_newline() -> None:
    text = report_json.dumps(a_full_report())
    assert "café" in text
    assert text.endswith("}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    with pytest.raises(ReportError):
        report_json.dumps(a_report(settings={"x": [value]}))


def test_what_json_cannot_hold_is_refused() -> None:
    with pytest.raises(ReportError):
        report_json.dumps(a_report(settings={"x": object()}))


def test_half_a_character_in_a_message_does_not_lose_the_report(tmp_path: Path) -> None:
    """A file name that is no UTF-8 reaches a message with lone surrogates."""
    failure = Failure("failed", Reason.RAISED, "cannot open /data/\udcff")
    report = a_report(results=(Result(TRIAL, "failed", failure=failure),))
    files.write(tmp_path / "r.json", report_json.dumps(report))
    assert report_json.load(tmp_path / "r.json")["results"][0]["failure"]["message"] == failure.message


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "{}", '{"schema_version": 99}', '{"schema_version": "1"}', "\x00"]
)
def test_what_is_no_report_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    with pytest.raises(ReportError) as caught:
        report_json.load(tmp_path / "r.json")
    assert caught.value.exit_code == 5


def test_a_report_that_cannot_be_read_is_an_error_of_reports(tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "missing", tmp_path, tmp_path / "bytes"):
        with pytest.raises(ReportError, match="cannot read|broken: "):
            report_json.load(path)


def test_free_memory_of_a_gpu_is_no_fact_about_the_machine() -> None:
    """It changes by the second; two reports of one machine would differ."""
    (gpu,) = report_json.machine_dict(a_full_report().machine)["gpus"]
    assert "free_bytes" not in gpu


def test_a_row_names_its_device() -> None:
    machine = a_machine("linux-64", a_gpu(index=1, uuid="GPU-x"))
    trial = a_trial(device="cuda:1")
    rounds = (a_round(facts={"device_name": "H100", "threads": 3}),)
    row = report_json.result_dict(Result(trial, "ok", rounds), machine)
    assert row["devices"] == [{"kind": "cuda", "index": 1, "uuid": "GPU-x", "name": "H100"}]
    assert row["threads"] == {"requested": None, "used": 3}
    row = report_json.result_dict(Result(a_trial(threads=2), "ok"), machine)
    assert row["devices"][0]["name"] == "A processor"
    assert row["threads"] == {"requested": 2, "used": None}


def test_the_path_of_a_python_is_told_only_for_an_existing_one() -> None:
    ours = report_json.environment_dict(an_environment())
    users = report_json.environment_dict(an_environment(prefix=None))
    assert (ours["executable"], users["executable"]) == (None, str(Path("envs/it/bin/python")))
