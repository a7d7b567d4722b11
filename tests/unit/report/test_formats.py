"""Markdown, CSV and what other tools read: text out, hostile texts tamed."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import pytest
from builders import a_machine, a_report, a_trial
from comparisons import a_comparison, a_row, across_benchmarks
from test_page import HOSTILE

from mambench.analysis.summary import SummaryOptions
from mambench.cli.commands.report import TOOLS
from mambench.cli.exports import TEXTS
from mambench.errors import UsageError
from mambench.model import Failure, Reason, Result
from mambench.report.formats import FOR_OTHER_TOOLS, FORMATS, formats


def lines_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_command_line_offers_every_format() -> None:
    assert {*TEXTS, *TOOLS} == set(FORMATS)
    assert TOOLS == FOR_OTHER_TOOLS


def test_markdown_is_the_answer_and_a_table() -> None:
    lines = FORMATS["markdown"]([a_comparison()]).splitlines()
    assert lines[0].startswith("On this computer numpy-openblas@pypi is the fastest")
    table = [line for line in lines if line.startswith("|")]
    assert len(table) == 4 and len({line.count("|") for line in table}) == 1
    assert table[2].startswith("| numpy-openblas | pypi | cpu:0 | float64 | 512 |")
    assert "result verified" in table[2]


def test_csv_has_a_line_for_each_row_with_units_in_its_header() -> None:
    first, second = lines_of(FORMATS["csv"]([a_comparison(), a_comparison(results=())]))
    assert (first["stack"], first["source"], first["status"], first["rounds"]) == ("numpy-openblas", "pypi", "ok", "3")
    assert float(first["rate_low_95"]) < float(first["rate_median"]) < float(first["rate_high_95"])
    assert float(second["seconds_median"]) == pytest.approx(0.131, rel=0.01)


def test_csv_of_samples_has_every_warmup_and_every_run() -> None:
    report = a_comparison(results=(a_row(),))
    lines = lines_of(FORMATS["csv-samples"]([report]))
    assert [line["phase"] for line in lines].count("run") == 18
    assert [line["phase"] for line in lines].count("warmup") == 3
    run = next(line for line in lines if line["phase"] == "run")
    assert float(run["rate"]) == pytest.approx(2 * 512**3 * 1e-9 / float(run["seconds"]))


def test_other_tools_get_verified_rows_only() -> None:
    failed = Result(a_trial(dtype="float32"), "failed", failure=Failure("failed", Reason.CRASHED, "it ended"))
    report = a_comparison(results=(a_row(), replace(a_row("numpy-mkl@conda"), rounds=()), failed))
    (key,) = json.loads(FORMATS["bencher"]([report]))
    (entry,) = json.loads(FORMATS["github-action-benchmark"]([report]))
    assert key == entry["name"] == a_row().trial.key
    metric = json.loads(FORMATS["bencher"]([report]))[key]["gflops"]
    assert metric["lower_value"] < metric["value"] < metric["upper_value"]
    assert entry["unit"] == "GFLOPS" and entry["value"] == metric["value"] and entry["range"].startswith("± ")


def test_json_is_one_report() -> None:
    assert json.loads(FORMATS["json"]([a_comparison()]))["schema_version"] == 1
    with pytest.raises(UsageError, match="one report, not 2"):
        FORMATS["json"]([a_comparison(), a_comparison()])


@pytest.mark.parametrize("hostile", [*HOSTILE, "=cmd|' /C calc'!A0", "a | b\n| c", "`x`"], ids=lambda text: text[:12])
def test_hostile_texts_stay_in_their_cells(hostile: str) -> None:
    failed = Result(a_trial("existing:" + hostile), "failed", failure=Failure("failed", Reason.RAISED, hostile))
    report = a_report(results=(failed, a_row()), machine=replace(a_machine(), hostname=hostile, os=hostile))
    table = [line for line in FORMATS["markdown"]([report]).splitlines() if line.startswith("|")]
    bars = [line.replace("\\|", "").count("|") for line in table]
    assert len(table) == 4 and set(bars) == {11}
    assert not [line for line in table if "<" in line.replace("\\<", "")]
    first, _ = lines_of(FORMATS["csv"]([report]))
    assert first["message"] == first["machine"] in (hostile, f"'{hostile}")
    assert not first["message"].startswith("=")


def test_markdown_has_the_summary_across_benchmarks() -> None:
    report = across_benchmarks("a@pypi", "b|c@pypi")
    text = FORMATS["markdown"]([report])
    table = text.partition("### Speed over a: more is faster")[2]
    assert "| benchmark | dtype | size | device | threads | a | b\\|c |" in table
    assert "| stream | float64 | 4096 | cpu:0 | default | 1.00x | 0.83x |" in table and "geometric" not in text
    asked = formats(SummaryOptions("b|c", score=True))["markdown"]([report])
    assert "| geometric mean |  |  |  |  | 1.00x | 1.20x |" in asked
    assert "Speed over" not in FORMATS["markdown"]([a_comparison()])


def test_csv_has_ratios_where_there_is_a_summary() -> None:
    report = across_benchmarks("a@pypi", "b@pypi")
    told = [
        (line["baseline"], line["ratio_to_baseline"][:5], line["difference_proven"])
        for line in lines_of(FORMATS["csv"]([report, a_comparison()]))
    ]
    assert told == [("a", "1.0", ""), ("a", "0.833", "yes")] * 2 + [("", "", "")] * 2
    lines = lines_of(formats(SummaryOptions("b"))["csv"]([report]))
    assert [float(line["ratio_to_baseline"]) for line in lines] == pytest.approx([1.2, 1.0] * 2)
