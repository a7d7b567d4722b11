"""The pages of a comparison, a history and a fleet in Chromium, as test_pages.py looks at those of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from builders import a_machine
from comparisons import a_comparison, a_row, a_wrong_row
from fleets import simulated

from mambench.analysis.fleet import Missing, fleet
from mambench.analysis.history import histories
from mambench.analysis.matching import pairs
from mambench.app import pages
from mambench.model import Report
from mambench.report import comparison, document, history, library
from mambench.report import fleet as fleets
from mambench.report.comparison import Compared
from mambench.report.library import Library
from pages.browser import Browser
from pages.test_pages import HOSTILE

pytestmark = pytest.mark.long

STACKS = ("numpy-openblas@pypi", "numpy-mkl@conda", "jax-cpu@pypi")


def a_report_of(day: int, *, slower: float = 1.0, hostname: str = "host", stacks: tuple[str, ...] = STACKS) -> Report:
    rows = [
        a_row(stack, (0.1 + 0.03 * number) * slower, dtype=dtype)
        for number, stack in enumerate(stacks)
        for dtype in ("float64", "float32")
    ]
    changes = {"run_id": f"{day:032}", "created": f"2026-11-{day:02}T10:00:00Z"}
    return a_comparison(results=tuple(rows), machine=replace(a_machine(), hostname=hostname), **changes)


def kept(reports: list[Report], folder: Path) -> Library:
    files = [folder / f"{report.run_id}.json" for report in reports]
    for file, report in zip(files, reports, strict=True):
        file.write_text(document.dumps(report), encoding="utf-8")
    return library.library(files)


def comparison_page(reports: list[Report], folder: Path) -> Path:
    before, *after = kept(reports, folder).digests.values()
    compared = Compared((before,), tuple(after), tuple(pairs((before,), tuple(after))), ("a broken report",))
    return _written(comparison.page(compared, pages.materials(), command="mambench compare a b"), folder)


def history_page(reports: list[Report], folder: Path) -> Path:
    whole = histories(kept(reports, folder).digests.values())
    return _written(history.page(whole, pages.materials(), command="mambench history"), folder)


def fleet_page(reports: list[Report], folder: Path) -> Path:
    """Of many nodes that are like the first; the last is slow, and one more computed a wrong product."""
    usual, *_, last = reports
    many = [_on(f"n{number}", usual) for number in range(100, 140)]
    slow = a_report_of(1, slower=1.5, hostname=last.machine.hostname)
    wrong = _on("wrong", replace(usual, results=(a_wrong_row(stack=STACKS[0]),)))
    digests = kept([*many, slow, wrong], folder).digests.values()
    told = fleet(digests, missing=[Missing("gone", "drained")], problems=["a broken report"])
    return _written(fleets.page(told, pages.materials(), command="mambench fleet out"), folder)


def _on(node: str, report: Report) -> Report:
    return replace(report, run_id=f"{node:0>32}", machine=replace(report.machine, hostname=node))


def _written(text: str, folder: Path) -> Path:
    path = folder / "ü page.html"
    path.write_text(text, encoding="utf-8")
    return path


MADE: dict[str, Callable[[list[Report], Path], Path]] = {
    "comparison": comparison_page,
    "history": history_page,
    "fleet": fleet_page,
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize(("width", "scheme"), [(1400, "light"), (1400, "dark"), (400, "light"), (360, "dark")])
def test_it_is_drawn_within_the_screen_and_nothing_serious_is_inaccessible(
    browser: Browser, tmp_path: Path, made: str, width: int, scheme: str
) -> None:
    page = MADE[made]([a_report_of(1), a_report_of(2, slower=1.2), a_report_of(3, slower=0.9)], tmp_path)
    seen = browser.look(page, width=width, scheme=scheme)
    assert (seen["errors"], seen["requests"], seen["faults"], seen["drawn"]) == ([], [], [], "all")
    assert seen["charts"] == seen["figures"] > 0
    assert seen["width"] <= width
    assert [each for each in seen["violations"] if each[0] in ("serious", "critical")] == []


def test_without_scripts_a_comparison_says_what_is_slower_by_how_much_and_that_nothing_else_changed(
    browser: Browser, tmp_path: Path
) -> None:
    seen = browser.look(comparison_page([a_report_of(1), a_report_of(2, slower=1.25)], tmp_path), scripts=False)
    for words in ("slower", "0.80", "numpy-mkl", "a broken report", "mambench compare a b"):
        assert words in seen["text"], words
    assert "nothing" in seen["text"].lower()


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("hostile", HOSTILE, ids=lambda text: text[:9].strip("\u202e"))
def test_hostile_texts_do_nothing(browser: Browser, tmp_path: Path, made: str, hostile: str) -> None:
    stacks = ("numpy-openblas@pypi", f"existing:{hostile}")
    reports = [a_report_of(day, slower=1 + 0.2 * day, hostname=hostile, stacks=stacks) for day in (1, 2)]
    seen = browser.look(MADE[made](reports, tmp_path), width=400)
    assert (seen["errors"], seen["requests"], seen["drawn"]) == ([], [], "all")
    assert seen["title"] != "owned" and seen["width"] <= 400


def test_without_scripts_a_fleet_says_who_is_wrong_slow_and_missing(browser: Browser, tmp_path: Path) -> None:
    reports = [a_report_of(1), a_report_of(2, hostname="snail")]
    seen = browser.look(fleet_page(reports, tmp_path), scripts=False)
    for words in ("wrong: WRONG RESULT", "should be 0.98", "gone: missing", "snail", "33.3 %", "a broken report"):
        assert words in seen["text"], words


def test_a_fleet_of_a_thousand_nodes_is_drawn(browser: Browser, tmp_path: Path) -> None:
    told = fleet(simulated(1, 1000, 8, slower=lambda number: 1.1 if number == 17 else 1.0))
    page = _written(fleets.page(told, pages.materials(), command="mambench fleet out"), tmp_path)
    seen = browser.look(page)
    assert (seen["errors"], seen["faults"], seen["drawn"]) == ([], [], "all")
    assert seen["charts"] == 8 and seen["marks"] >= 8000
    assert page.stat().st_size < 4_000_000
