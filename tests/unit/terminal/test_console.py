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
from mambench.analysis.rows import fastest, in_order
from mambench.analysis.verdicts import proven_fastest
from mambench.analysis.words import counted
from mambench.errors import MambenchError
from mambench.model import Failure, Note, Provisioning, Reason, Result, RowWarning, TrialFinished, WarningKind
from mambench.terminal import console
from mambench.terminal.chart import chart
from mambench.terminal.console import Terminal, message_options
from mambench.terminal.progress import Progress
from mambench.terminal.table import explanations

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
    terminal.report(a_report(results=tuple(results), complete=True), path="")
    return terminal.output.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def finished(result: Result) -> str:
    console = Console(file=io.StringIO(), width=120, highlight=False)
    Progress(console, live=False).take(TrialFinished(result, 0, 1))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


# ------------------------------------------------------------------------------------------------ the table


def noisy(row: Result) -> Result:
    return replace(row, warnings=(RowWarning(WarningKind.OTHER_PROGRAM, percent=40.0),))


def lines_of(results: Sequence[Result], *, width: int = 120) -> list[str]:
    return [line.rstrip() for line in shown(results, width=width).splitlines()]


def test_a_disturbed_row_never_looks_as_good_as_a_quiet_one() -> None:
    quiet, loud = a_row("numpy@pypi", 0.1), noisy(a_row("jax@pypi", 0.05))
    first, second = (
        line for line in lines_of([quiet, loud]) if "@" not in line and "512" in line and "float64 " in line
    )
    assert "~5.37" in first and first.endswith("~ noisy") and "\N{CHECK MARK}" not in first
    assert " 2.68 " in second and second.endswith("\N{CHECK MARK}")


def test_rows_are_told_relative_to_the_fastest_of_their_group() -> None:
    text = shown([a_row("a", 0.1), a_row("b", 0.4), a_row("c", 0.1, dtype="float32")])
    assert [line.split()[6] for line in text.splitlines()[2:5]] == ["1.00x", "0.25x", "-"]
    assert " x " not in shown([a_row("a")]).splitlines()[0]


def test_only_a_proven_winner_is_green() -> None:
    def rows(*factors: float) -> list[Result]:
        return [
            summarise(a_trial("a"), [a_round(turn, seconds=(0.1 * (1 + turn / 1000),)) for turn in range(3)]),
            summarise(a_trial("b"), [a_round(turn, seconds=(0.1 * factor,)) for turn, factor in enumerate(factors)]),
        ]

    clear, tie = rows(1.5, 1.52, 1.49), rows(1.5, 0.9, 1.1)
    assert proven_fastest(clear) == clear[:1] and proven_fastest(tie) == [] and proven_fastest(clear[:1]) == []


NAMES = ("numpy-openblas@pypi", "tensorflow-cpu@pypi", "existing:lab")


@pytest.mark.parametrize("width", [56, 60, 80, 100, 120])
def test_no_number_is_cut_however_narrow_the_terminal(width: int) -> None:
    rows = [noisy(a_row(name, 0.001 / turn, rounds=3, dtype=dtype))
            for turn, name in enumerate(NAMES, start=1) for dtype in ("float64", "float32")]  # fmt: skip
    table = [line for line in lines_of(rows, width=width) if line.endswith("~ noisy")]
    assert len(table) == 6 and all(len(line) <= width for line in table)
    assert {float(line[line.index("~") + 1 :].split()[0]) for line in table} == {268.4, 536.9, 805.3}


def test_a_narrow_table_says_what_it_leaves_out() -> None:
    rows = [a_row(name, rounds=3, dtype=dtype) for name in NAMES for dtype in ("float64", "float32")]
    assert "too narrow for: best" in lines_of(rows, width=64)[0]
    assert "too narrow" not in shown(rows, width=120) and "best" in lines_of(rows, width=120)[0]


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
    row = summarise(a_trial(), [a_round(seconds=(0.1, 0.101, 0.103, 0.104))])
    assert row.rate is not None
    number = f"{row.rate.median:.2f}"
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


def test_on_windows_the_console_of_messages_is_asked_itself() -> None:
    assert message_options(redirected=True, escapes=None) == {}
    assert message_options(redirected=True, escapes=True) == {"legacy_windows": False}
    assert message_options(redirected=False, escapes=False) == {}


def test_on_a_legacy_console_with_redirected_output_nothing_is_drawn_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "takes_escapes", lambda _stream: False)
    monkeypatch.setattr(console, "is_console", lambda _stream: False)
    terminal = Terminal()
    assert not terminal.messages.legacy_windows
    assert terminal.messages.color_system is None
    assert terminal._progress is not None
    assert not terminal._progress._may_draw


# ------------------------------------------------------------------------------------- what steers a terminal


STEERING = "A\x1b[2JB\x1b]0;owned\x07C\x9b31mD\u202eE\0F\x08G\x7fH\u2066I"
PLAIN = "A[2JB]0;ownedC31mDEFGHI"


def a_terminal(*, ansi: bool = False) -> Terminal:
    terminal = Terminal()
    clean = console.CleanConsole(file=io.StringIO(), width=120, highlight=False, force_terminal=ansi)
    terminal.messages = terminal.output = clean
    return terminal


def shown_by(terminal: Terminal) -> str:
    return terminal.output.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_nothing_that_is_shown_steers_the_terminal() -> None:
    terminal = a_terminal()
    terminal.say(STEERING)
    terminal.paragraph(STEERING)
    terminal.heading(STEERING, STEERING)
    terminal.command(STEERING)
    terminal.error(MambenchError(STEERING, remedy=STEERING, log=Path(STEERING.replace("\0", ""))))
    terminal.rows(STEERING, (STEERING, "b"), [(STEERING, "b")])
    terminal.facts([(STEERING, STEERING)])
    failed = Failure("failed", Reason.RAISED, f"raised: ValueError: {STEERING}", log=STEERING)
    row = replace(a_row(), status="failed", failure=failed, rate=None)
    terminal.report(a_report(results=(row,), warnings=(STEERING,)), path=f"/home/results/{STEERING}")
    progress = Progress(terminal.messages, live=False)
    for event in (Note(STEERING), Provisioning(STEERING, STEERING), TrialFinished(row, 0, 1)):
        progress.take(event)
    shown = shown_by(terminal)
    assert not set("\x1b\x07\x9b\u202e\0\x08\x7f\u2066") & set(shown)
    assert "".join(shown.split()).count("".join(PLAIN.split())) >= 15


def test_columns_stand_where_they_would_without_it() -> None:
    terminal = a_terminal()
    terminal.rows("", ("a", "b"), [(STEERING, "x"), (PLAIN, "x")])
    first, second = (line for line in shown_by(terminal).splitlines() if "ownedC" in line)
    assert first == second


def test_half_of_a_character_takes_the_room_of_one() -> None:
    """A name that is no UTF-8 has them."""
    terminal = a_terminal()
    terminal.rows("", ("a", "b"), [("x\udcffy", "x"), ("x?y", "x")])
    first, second = (line for line in shown_by(terminal).splitlines() if line.lstrip().startswith("x"))
    assert first == second.replace("?", "\N{REPLACEMENT CHARACTER}")


def test_the_terminals_own_colours_stay() -> None:
    terminal = a_terminal(ansi=True)
    terminal.error(MambenchError("a \x1b[2J message"))
    assert "\x1b[1;31mmambench:" in shown_by(terminal) and "\x1b[2J" not in shown_by(terminal)
