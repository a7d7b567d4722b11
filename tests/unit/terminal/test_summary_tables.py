"""The summary across benchmarks, drawn on a console that is a string."""

from __future__ import annotations

import io
import re

import pytest
from comparisons import a_comparison, a_row, across_benchmarks
from rich.console import Console

from mambench.analysis.summary import BY_ITSELF, SummaryOptions
from mambench.model import Report
from mambench.terminal.console import Terminal

STACKS = ("numpy-openblas@pypi", "numpy-mkl@conda", "torch-cpu@pypi", "jax-cpu@pypi", "tensorflow-cpu@pypi")
SCORE = SummaryOptions(score=True)


def shown(report: Report, across: SummaryOptions = BY_ITSELF, *, width: int = 80) -> str:
    terminal = Terminal(quiet=True)
    terminal.output = Console(file=io.StringIO(), width=width, highlight=False)
    terminal.report(report, path="", across=across)
    return terminal.output.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def summary_of(text: str) -> str:
    assert "Speed over" in text
    return text[text.index("Speed over") :]


def test_one_benchmark_has_no_summary_and_two_have_one_without_a_score() -> None:
    assert "Speed over" not in shown(across_benchmarks())
    text = summary_of(shown(across_benchmarks(*STACKS[:2])))
    assert text.startswith("Speed over numpy-openblas: more is faster")
    assert re.search(r"stream +float64 +4096 +cpu:0 +1.00x +0.83x", text)
    assert "geomean" not in text


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_every_stack_is_shown_whole_at_any_width(width: int) -> None:
    text = summary_of(shown(across_benchmarks(*STACKS), SCORE, width=width))
    lines = text.splitlines()
    assert max(map(len, lines)) <= width and "\N{HORIZONTAL ELLIPSIS}" not in text
    headers = " ".join(line for line in lines if line.startswith("benchmark"))
    assert all(stack.partition("@")[0] in headers for stack in STACKS)
    scores = [cell for line in lines if line.startswith("geomean") for cell in line.split()[1:]]
    assert [cell for cell in scores if cell != "1.00x"] == ["0.83x", "0.69x", "0.58x", "0.48x"]


def test_a_summary_that_cannot_be_made_says_why_only_if_it_was_asked_for() -> None:
    report = across_benchmarks("a@pypi")
    assert "summary" not in shown(report)
    assert "No summary across groups: it needs two groups" in shown(report, SCORE)


def test_rounds_that_are_too_few_are_told() -> None:
    rows = [
        a_row(stack, seconds, rounds=1, dtype=dtype)
        for dtype in ("float64", "float32")
        for stack, seconds in (("a@pypi", 0.1), ("b@pypi", 0.05))
    ]
    text = summary_of(shown(a_comparison(results=tuple(rows)), SummaryOptions("a")))
    assert text.count("?2.00x") == 2 and "? no difference is proven" in text
