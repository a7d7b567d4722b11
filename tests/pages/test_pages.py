"""Pages in Chromium, opened from a file with the network cut off: drawn, readable, accessible, harmless."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from builders import a_machine, a_report, a_round, a_spec, a_trial, an_environment

from mambench.analysis.results import summarise
from mambench.app import pages
from mambench.model import Failure, Package, Reason, Report, Result, RowWarning, Sample, WarningKind
from pages.browser import Browser

pytestmark = pytest.mark.long

STACKS = ("numpy-openblas@pypi", "numpy-mkl@conda", "jax-cpu@pypi")
HOSTILE = (
    "<script>document.title='owned';alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "\u202etfel \u001b]0;owned\u0007",
    "x" * 10_000,
)


def a_row(stack: str, number: int, **changes: Any) -> Result:
    trial = a_trial(stack, **changes)
    seconds = trial.work * 1e-9 / (100 + 30 * number)
    rounds = [
        a_round(
            index,
            started=f"2026-11-21T10:{index:02}:{10 * number % 60:02}Z",
            warmup_seconds=(seconds * 1.2,),
            samples=tuple(Sample(1 + i * 0.1, seconds * (1 + 0.01 * ((i * 7 + index) % 5))) for i in range(12)),
            conditions={"cpu_mhz": 3400 - 100 * index, "temperature_celsius": 60 + index, "other_cpu_percent": 1.5},
        )
        for index in range(3)
    ]
    return summarise(trial, rounds)


def every_kind_of_chart() -> Report:
    rows = [
        a_row(stack, number, dtype=dtype, n=n, m=n, k=n, threads=threads)
        for number, stack in enumerate(STACKS)
        for dtype in ("float64", "float32")
        for n in (1024, 2048)
        for threads in (1, 2)
    ]
    rows[0] = replace(rows[0], warnings=(RowWarning(WarningKind.OTHER_PROGRAM, percent=23.0),))
    gone = Failure("unavailable", Reason.NO_DEVICE, "no GPU was found; install its driver")
    rows.append(Result(a_trial("torch-cuda", device="cuda:0"), "unavailable", failure=gone))
    environments = tuple(an_environment(a_spec(stack.partition("@")[0])) for stack in STACKS[:1])
    return a_report(results=tuple(rows), environments=environments, complete=True)


def two_stacks() -> Report:
    rows = [a_row(stack, number, dtype=d) for number, stack in enumerate(STACKS[:2]) for d in ("float64", "float32")]
    return a_report(results=tuple(rows), environments=(an_environment(),), complete=True)


def written(report: Report, folder: Path) -> Path:
    path = folder / "ü page.html"
    path.write_text(pages.page_of(report, Path("r.json")), encoding="utf-8")
    return path


@pytest.mark.parametrize("name", sorted(pages.materials().charts))
def test_a_specification_keeps_vega_lites_own_schema(browser: Browser, name: str) -> None:
    schema = browser.schema()
    jsonschema.validate(pages.materials().charts[name], schema)
    broken = {**pages.materials().charts[name], "width": {"wide": True}}
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(broken, schema)


@pytest.mark.parametrize(
    ("width", "scheme"), [(1400, "light"), (1400, "dark"), (400, "light"), (360, "dark"), (3840, "light")]
)
def test_every_chart_is_drawn_within_the_screen_and_nothing_serious_is_inaccessible(
    browser: Browser, tmp_path: Path, width: int, scheme: str
) -> None:
    seen = browser.look(written(every_kind_of_chart(), tmp_path), width=width, scheme=scheme)
    assert (seen["errors"], seen["requests"], seen["faults"]) == ([], [], [])
    assert seen["drawn"] == "all"
    assert seen["charts"] == seen["figures"] == 21
    assert seen["marks"] > 500
    assert seen["width"] <= width
    assert [each for each in seen["violations"] if each[0] in ("serious", "critical")] == []
    assert "color-contrast" in seen["checked"]


def test_without_scripts_the_tables_say_everything(browser: Browser, tmp_path: Path) -> None:
    seen = browser.look(written(every_kind_of_chart(), tmp_path), scripts=False)
    for words in (*(stack.partition("@")[0] for stack in STACKS), "no GPU was found", "23 % of the CPU", "verified"):
        assert words in seen["text"]
    assert "numpy-mkl" in seen["text"].split("GFLOPS, fastest first")[1][:120]


def test_two_stacks_print_on_no_more_than_two_pages(browser: Browser, tmp_path: Path) -> None:
    browser.look(written(two_stacks(), tmp_path), scheme="dark", pdf=tmp_path / "page.pdf")
    printed = (tmp_path / "page.pdf").read_bytes()
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 2


def test_a_chart_is_saved_as_svg_and_as_a_specification_with_its_data(browser: Browser, tmp_path: Path) -> None:
    page = written(two_stacks(), tmp_path)
    assert browser.look(page, save="figure button:text-is('SVG')")["saved"].startswith("<svg")
    specification = json.loads(browser.look(page, save="figure button:text-is('Vega-Lite')")["saved"])
    jsonschema.validate({**specification, "config": {}}, browser.schema())
    assert {datum["stack"] for datum in specification["datasets"]["ranking"]} == {"numpy-openblas", "numpy-mkl"}


def test_the_json_is_saved_from_the_page(browser: Browser, tmp_path: Path) -> None:
    seen = browser.look(written(two_stacks(), tmp_path), save="a[download]")
    assert json.loads(seen["saved"])["run_id"] == two_stacks().run_id


@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:9].strip("\u202e"))
def test_hostile_texts_do_nothing(browser: Browser, tmp_path: Path, hostile: str) -> None:
    failure = Failure("failed", Reason.RAISED, hostile, hostile)
    rows = (
        *two_stacks().results,
        a_row(f"existing:{hostile}", 2),
        Result(a_trial(dtype="tf32"), "failed", failure=failure),
    )
    environment = an_environment(a_spec(title=hostile), packages=(Package(hostile, hostile),), lock_file=hostile)
    machine = replace(a_machine(), hostname=hostile, os=hostile)
    report = a_report(results=rows, machine=machine, environments=(environment,), argv=("run", hostile))
    seen = browser.look(written(report, tmp_path), width=400)
    assert (seen["errors"], seen["requests"], seen["drawn"]) == ([], [], "all")
    assert seen["title"].startswith("On this computer")
    assert seen["width"] <= 400


def test_a_thousand_rows_stay_usable(browser: Browser, tmp_path: Path) -> None:
    rows = [a_row(f"stack-{i % 20}", i % 20, n=256 + i // 20, m=256 + i // 20) for i in range(1000)]
    seen = browser.look(written(a_report(results=tuple(rows)), tmp_path))
    assert (seen["errors"], seen["drawn"]) == ([], "all")
    assert seen["charts"] == seen["figures"] <= 40
