"""What a person reads under and in the table; drawn on a console that is a string."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from builders import a_report, a_round, a_trial
from rich.console import Console

from mambench.analysis.results import summarise
from mambench.analysis.words import counted
from mambench.model import Failure, Reason, Result, RowWarning, TrialFinished, WarningKind
from mambench.terminal.chart import chart
from mambench.terminal.console import Terminal
from mambench.terminal.progress import Progress
from mambench.terminal.table import explanations, fastest, in_order

UNAVAILABLE = Result(
    a_trial("torch-cuda"), "unavailable", failure=Failure("unavailable", Reason.NO_DEVICE, "no GPU is here")
)


def a_row(stack: str = "numpy@pypi", seconds: float = 0.1, *, rounds: int = 1, **changes: object) -> Result:
    measured = [a_round(index, seconds=(seconds, seconds, seconds)) for index in range(rounds)]
    return summarise(a_trial(stack, **changes), measured)


def unchecked(row: Result) -> Result:
    return replace(row, rounds=tuple(replace(one, checks=()) for one in row.rounds))


def shown(results: Sequence[Result], *, width: int = 120) -> str:
    terminal = Terminal(quiet=True)
    terminal.output = Console(file=io.StringIO(), width=width, highlight=False)
    terminal.report(a_report(results=tuple(results), complete=True), (), path="")
    return terminal.output.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def finished(result: Result) -> str:
    console = Console(file=io.StringIO(), width=120, highlight=False)
    Progress(console, live=False).take(TrialFinished(result, 0, 1))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


# ------------------------------------------------------------------------------------------------ the table


def test_one_round_is_spoken_of_only_where_rows_have_one_round() -> None:
    words = "One round tells no interval"
    assert words in shown([a_row()])
    assert words in shown([UNAVAILABLE, a_row()])
    assert words not in shown([UNAVAILABLE, a_row(rounds=3)])
    assert words not in shown([UNAVAILABLE])
    assert "2 rounds tell no interval" in shown([a_row(rounds=2)])


def test_only_a_verified_row_is_called_verified() -> None:
    good, bad = a_row(), unchecked(a_row("jax@pypi", 0.01))
    assert "✓" in shown([good]) and "verified" in finished(good)
    assert "✓" not in shown([bad]) and "not checked" in shown([bad])
    assert "verified" not in finished(bad) and "not checked" in finished(bad)
    assert list(fastest([good, bad]).values()) == [good]
    assert [line.plain for line in chart([bad], Console(file=io.StringIO()))] == []


def test_each_number_of_threads_has_a_fastest_of_its_own() -> None:
    """As the verdicts have it: one thread of one stack is not slower than four of another."""
    rows = [a_row(f"{stack}@pypi", seconds / threads, threads=threads)
            for threads in (4, 1) for stack, seconds in (("slow", 2.0), ("fast", 1.0))]  # fmt: skip
    assert [(str(row.trial.stack), row.trial.threads) for row in in_order(rows)] == [
        ("fast@pypi", 1), ("slow@pypi", 1), ("fast@pypi", 4), ("slow@pypi", 4),
    ]  # fmt: skip
    assert [str(row.trial.stack) for row in fastest(rows).values()] == ["fast@pypi"] * 2
    lines = [line.plain for line in chart(rows, Console(file=io.StringIO(), width=80))]
    assert sum("GFLOPS" in line for line in lines) == 1 and "  fast (1 thread)   " in "\n".join(lines)


def test_the_finished_line_and_the_table_show_the_same_number() -> None:
    row = summarise(a_trial(), [a_round(seconds=(0.1, 0.2, 0.3, 0.4))])
    assert row.gflops is not None
    number = f"{row.gflops.median:.2f}"
    assert f"{number} GFLOPS, 4 runs" in finished(row) and f" {number} " in shown([row])


# --------------------------------------------------------------------------------------- what is said under it


def warned(stack: str, *warnings: RowWarning, **changes: object) -> Result:
    return replace(a_row(stack, **changes), warnings=warnings)


def busy(share: float) -> RowWarning:
    return RowWarning(WarningKind.OTHER_PROGRAM, percent=share)


def said(*results: Result) -> list[str]:
    return [line.plain for line in explanations(a_report(results=results), home=Path("home"))]


def test_a_warning_of_many_rows_is_said_once_with_the_number_of_each() -> None:
    words = "another program used the CPU; close it and run again"
    rows = warned("numpy-openblas@pypi", busy(12.3)), warned("torch-cpu@pypi", busy(31)), warned("jax-cpu@pypi")
    assert said(*rows) == [f"numpy-openblas 12 %, torch-cpu 31 %: {words}"]
    twice = warned("numpy-openblas@pypi", busy(20), dtype="float32"), *rows
    assert said(*twice) == [f"numpy-openblas 12 to 20 %, torch-cpu 31 %: {words}"]


def test_warnings_of_a_kind_without_a_number_are_told_apart_by_what_they_are_about() -> None:
    cpu, gpu = (RowWarning(WarningKind.THROTTLED, part) for part in ("CPU", "GPU"))
    lines = said(warned("a", cpu), warned("b", gpu), warned("c", cpu), warned("c", cpu, dtype="float32"))
    assert [line.partition(" slowed")[0] for line in lines] == ["a, c: the CPU", "b: the GPU"]


def test_what_a_worker_says_is_shown_with_its_numbers() -> None:
    texts = [f"{runs} of 3 runs: one takes about 12 s" for runs in (1, 2)]
    rows = [warned(stack, RowWarning(WarningKind.WORKER, text)) for stack, text in zip("ab", texts, strict=True)]
    assert said(*rows) == ["a: 1 of 3 runs: one takes about 12 s", "b: 2 of 3 runs: one takes about 12 s"]


@pytest.mark.parametrize(("number", "words"), [(0, "0 packages"), (1, "1 package"), (1234, "1,234 packages")])
def test_a_count_agrees_with_its_noun(number: int, words: str) -> None:
    assert counted(number, "package") == words


# -------------------------------------------------------------------------------------------- the two streams


def test_each_stream_draws_what_it_itself_can(monkeypatch: pytest.MonkeyPatch) -> None:
    plain, rich = (io.TextIOWrapper(io.BytesIO(), encoding=encoding) for encoding in ("ascii", "utf-8"))
    for out, err in ((plain, rich), (rich, plain)):
        monkeypatch.setattr("sys.stdout", out)
        monkeypatch.setattr("sys.stderr", err)
        terminal = Terminal(quiet=True)
        ascii_only = [console.options.ascii_only for console in (terminal.output, terminal.messages)]
        assert ascii_only == [out is plain, err is plain]
