"""The sentences under the table: what is fastest, whether to believe it, what to do if not."""

from __future__ import annotations

from dataclasses import replace

from builders import a_report, a_round, a_trial

from mambench.analysis.answer import answer, disturbed
from mambench.analysis.results import summarise
from mambench.model import Failure, Reason, Result, RowWarning, WarningKind

ABSENT = Result(a_trial("torch-cuda"), "unavailable", failure=Failure("unavailable", Reason.NO_DEVICE, "no GPU"))


def row(stack: str = "a@pypi", seconds: float = 0.1, *, rounds: int = 3, wobble: float = 0.001) -> Result:
    """Rounds that differ a little, differently for each stack."""
    turns = [seconds * (1 + wobble * (turn * ord(stack[0]) % 3)) for turn in range(rounds)]
    return summarise(a_trial(stack), [a_round(turn, seconds=(each,) * 3) for turn, each in enumerate(turns)])


def noisy(result: Result, kind: WarningKind = WarningKind.OTHER_PROGRAM) -> Result:
    return replace(result, warnings=(RowWarning(kind, "it", percent=31.0),))


def said(*results: Result) -> list[str]:
    return answer(a_report(results=results))


def test_the_first_sentence_says_what_the_number_is() -> None:
    assert said(row())[0] == "GFLOPS are billions of floating-point operations a second: more is better."


def test_a_proven_winner_comes_before_whether_to_believe_it() -> None:
    lines = said(row("a@pypi", 0.1), row("bb@pypi", 0.2))
    assert lines[1].startswith("float64 on cpu:0, n = 512: fastest here is a@pypi, 2.00 times bb@pypi")
    assert lines[2] == (
        "You can believe it: every product was checked, nothing disturbed the measurement, "
        "and in 3 rounds each number was found to within 0.2 %."
    )


def test_one_round_is_a_first_look_and_no_verdict() -> None:
    lines = said(row("a@pypi", 0.1, rounds=1), row("bb@pypi", 0.2, rounds=1), ABSENT)
    assert lines[1] == "float64 on cpu:0, n = 512: this time a@pypi was faster, 2.00 times bb@pypi"
    assert lines[2].startswith("Good for a first look:") and "1 round cannot tell" in lines[2]
    assert "2 rounds cannot tell" in said(row(rounds=2))[-1]


def test_what_was_measured_under_disturbance_is_not_to_be_relied_on() -> None:
    assert said(row("a@pypi"), noisy(row("bb@pypi")))[-1].startswith("Do not rely on bb@pypi (marked ~):")
    assert said(noisy(row("a@pypi")), noisy(row("bb@pypi")))[-1].startswith("Do not rely on any row (marked ~):")


def test_an_unchecked_product_is_the_first_reason_for_doubt() -> None:
    bare = replace(row("cc@pypi"), rounds=tuple(replace(each, checks=()) for each in row("cc@pypi").rounds))
    assert said(noisy(row()), bare)[-1] == "Do not rely on cc@pypi: the product was not checked. Run again."


def test_wide_intervals_are_believed_for_large_differences_only() -> None:
    assert said(row(wobble=0.04))[-1].startswith("Believe only large differences: a number may be off by ")


def test_without_a_number_nothing_is_claimed() -> None:
    assert said(ABSENT) == ["Nothing was measured; the reasons are below."]
    assert said() == []


def test_noise_is_what_another_run_would_not_repeat() -> None:
    assert all(disturbed(noisy(row(), kind)) for kind in (WarningKind.SPREAD, WarningKind.STEAL, WarningKind.BATTERY))
    assert not any(disturbed(noisy(row(), kind)) for kind in (WarningKind.UNPROVEN, WarningKind.THREAD_VARIABLES))
