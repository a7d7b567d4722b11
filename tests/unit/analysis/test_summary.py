"""The summary across benchmarks: ratios by hand, what is proven, what is left out, and scores over the same groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import a_report, a_round, a_size, a_trial

from mambench.analysis.ratios import geometric_mean
from mambench.analysis.results import summarise
from mambench.analysis.summary import BY_ITSELF, Summary, SummaryOptions, named, summary
from mambench.model import Failure, Reason, Result, RowWarning, Size, WarningKind

STREAM = Size("4096", (("n", 4096),), (("GB/s", 2.0),))
SCORE = SummaryOptions(score=True)


def a_row(stack: str, seconds: float | Sequence[float], benchmark: str = "matmul", **changes: Any) -> Result:
    """A row with the median seconds of its rounds, three unless they are named."""
    rounds = [seconds] * 3 if isinstance(seconds, float) else seconds
    fields = {"benchmark": benchmark, "size": a_size(512) if benchmark == "matmul" else STREAM, **changes}
    return summarise(a_trial(stack, **fields), [a_round(i, i, seconds=[s] * 3) for i, s in enumerate(rounds)])


def failed(row: Result) -> Result:
    return replace(row, status="failed", rate=None, failure=Failure("failed", Reason.WRONG_RESULT, "it is wrong"))


def noisy(row: Result) -> Result:
    return replace(row, warnings=(RowWarning(WarningKind.STEAL, percent=3.0),))


def quiet(row: Result) -> Result:
    """Without the warning that its rounds lie far apart."""
    return replace(row, warnings=())


def of(*rows: Result, **options: Any) -> Summary:
    seen = summary(a_report(results=rows), SummaryOptions(**options))
    assert seen is not None
    return seen


def texts(seen: Summary) -> list[list[str]]:
    return [[cell.text for cell in line.cells] for line in seen.lines]


A = a_row("a", 1.0), a_row("a", 1.0, "stream")
B = a_row("b", 0.5), a_row("b", 2.0, "stream")
C = a_row("c", 0.25), a_row("c", 1.0, "stream")


# ---------------------------------------------------------------------------------------------- the table


def test_each_cell_is_the_speed_over_the_baselines_whatever_its_unit() -> None:
    seen = of(*A, *B, *C)
    assert (seen.baseline, seen.stacks) == ("a", ("a", "b", "c"))
    assert [line.titles[0] for line in seen.lines] == ["matmul", "stream"]
    assert texts(seen) == [["1.00x", "2.00x", "4.00x"], ["1.00x", "0.50x", "?1.00x"]]


def test_without_being_asked_for_it_takes_two_benchmarks_and_has_no_score() -> None:
    sizes = a_row("a", 1.0), a_row("b", 0.5), a_row("a", 8.0, size=a_size(1024)), a_row("b", 2.0, size=a_size(1024))
    assert summary(a_report(results=sizes)) is None
    assert texts(of(*sizes, baseline="b")) == [["1.00x", "0.50x"], ["1.00x", "0.25x"]]
    seen = summary(a_report(results=(*A, *B)))
    assert seen is not None and seen.scores == () and "geometric" not in " ".join(seen.sentences)


def test_a_lone_stack_has_nothing_to_be_compared_with() -> None:
    assert summary(a_report(results=A)) is None
    seen = of(*A, score=True)
    assert seen.lines == () and "it needs two groups" in seen.sentences[0]


def test_the_baseline_is_the_stack_that_can_be_compared_in_most_groups_and_the_first_among_equals() -> None:
    half = a_row("a", 1.0)
    assert of(half, *B, *C).baseline == "b"
    assert of(*C, *B).baseline == "c"
    alone = [a_row("gpu", 0.1, device="cuda:0", size=a_size(n)) for n in (64, 128, 256)]
    assert of(*alone, *B, *C).baseline == "b"


def test_a_baseline_is_named_with_its_source_or_without() -> None:
    rows = [a_row("mkl@conda", 1.0), a_row("mkl@pypi", 1.0), a_row("existing:lab", 1.0, framework="torch")]
    trials = [row.trial for row in rows]
    assert named(trials, "mkl@pypi") == ("mkl@pypi",)
    assert named(trials, "mkl") == ("mkl@conda", "mkl@pypi")
    assert named(trials, "existing:lab") == named(trials, "existing:lab (torch)") == ("existing:lab (torch)",)
    assert named(trials, "mk") == ()


def test_two_sources_of_one_stack_are_two_columns() -> None:
    rows = [a_row(stack, 1.0, name) for stack in ("mkl@conda", "mkl@pypi", "jax@pypi") for name in ("matmul", "stream")]
    assert of(*rows).stacks == ("mkl@conda", "mkl@pypi", "jax")


def test_rows_of_other_threads_devices_and_types_are_other_groups() -> None:
    changes: list[dict[str, Any]] = [{"threads": 1}, {"threads": 2}, {"device": "cuda:0"}, {"dtype": "float32"}]
    rows = [a_row(stack, 1.0, **change) for stack in "ab" for change in changes]
    assert len(of(*rows, baseline="a").lines) == 4


# ------------------------------------------------------------------------------------------ what is proven


def test_a_difference_that_is_not_proven_is_marked() -> None:
    one_round = [a_row(stack, [seconds], name) for stack, seconds in (("a", 1.0), ("b", 0.5)) for name in ("m", "s")]
    seen = of(*one_round)
    assert texts(seen) == [["1.00x", "?2.00x"]] * 2
    assert seen.sentences[0].startswith("? no difference is proven")
    assert not of(*A, *B).sentences


def test_less_than_two_percent_is_no_difference_even_if_every_round_has_it() -> None:
    rows = a_row("a", 1.0), a_row("b", 1 / 1.015), a_row("a", 1.0, "stream"), a_row("b", 1 / 1.03, "stream")
    assert texts(of(*rows)) == [["1.00x", "?1.01x"], ["1.00x", "1.03x"]]


def test_the_more_cells_there_are_the_more_each_has_to_prove() -> None:
    """Logarithms 0.069, 0.1 and 0.131 have p = 0.031: below 5 %, and not below a half of it."""
    rounds = [math.exp(-0.069), math.exp(-0.1), math.exp(-0.131)]
    faster, tie = a_row("b", rounds), a_row("b", [0.99, 1.0, 1.01], "stream")
    assert texts(of(*A, faster, a_row("b", 0.5, "stream")))[0] == ["1.00x", "1.11x"]
    assert texts(of(*A, faster, tie))[0] == ["1.00x", "?1.11x"]


def test_a_median_that_contradicts_the_test_is_not_proven() -> None:
    """Rounds of the two are not the same ones: the common ones say 1.1, the medians 0.8."""
    slow = quiet(a_row("b", [1 / 1.1] * 3 + [1.25] * 4))
    base = a_row("a", [1.0] * 3)
    assert texts(of(base, A[1], slow, B[1]))[0] == ["1.00x", "?0.80x"]


def test_a_disturbed_row_marks_its_ratio_and_one_of_the_baseline_all_of_its_group() -> None:
    seen = of(*A, noisy(B[0]), B[1], *C, score=True)
    assert texts(seen) == [["1.00x", "~2.00x", "4.00x"], ["1.00x", "0.50x", "?1.00x"]]
    assert [score.disturbed for score in seen.scores] == [False, True, False]
    assert any(text.startswith("~ something disturbed") for text in seen.sentences)
    seen = of(noisy(A[0]), A[1], *B, *C, score=True)
    assert texts(seen)[0] == ["~1.00x", "~2.00x", "~4.00x"] and all(score.disturbed for score in seen.scores)


# --------------------------------------------------------------------------------------- what is left out


def test_what_failed_stays_in_the_table() -> None:
    unchecked = replace(C[1], rounds=tuple(replace(each, checks=()) for each in C[1].rounds))
    gone = replace(failed(C[0]), status="unavailable")
    assert texts(of(*A, B[0], failed(B[1]), gone, unchecked, *(replace_stack(row, "d") for row in B))) == [
        ["1.00x", "2.00x", "2.00x"],
        ["1.00x", "failed", "0.50x"],
    ]
    assert texts(of(*A, *B, C[0], unchecked))[1] == ["1.00x", "0.50x", "not checked"]


def replace_stack(row: Result, stack: str) -> Result:
    return replace(row, trial=replace(row.trial, stack=a_trial(stack).stack))


def test_groups_and_stacks_that_the_table_does_not_have_are_named() -> None:
    gpu = a_row("gpu", 0.1, device="cuda:0")
    alone = a_row("a", 1.0, dtype="float32")
    seen = of(*A, *B, alone, failed(a_row("a", 1.0, dtype="float16")), a_row("b", 1.0, dtype="float16"), gpu)
    text = " ".join(seen.sentences)
    assert len(seen.lines) == 2 and seen.stacks == ("a", "b")
    assert "as a has no verified number there: matmul float16 on cpu:0, n = 512; matmul float64 on cuda:0" in text
    assert "as only a was measured there: matmul float32 on cpu:0" in text
    assert "with no verified number where a has one: gpu." in text


def test_a_baseline_without_a_number_is_a_sentence_and_no_other_takes_its_place() -> None:
    seen = of(*map(failed, A), *B, *C, baseline="a")
    assert seen.lines == () and "a has no verified number" in seen.sentences[0]


# -------------------------------------------------------------------------------------------------- scores


def test_the_score_is_the_geometric_mean_of_its_column() -> None:
    seen = of(*A, *B, *C, score=True)
    assert [score.value for score in seen.scores] == pytest.approx([1.0, 1.0, 2.0])
    assert "over all 2 groups of this table" in " ".join(seen.sentences)
    assert "matmul (1 group) and stream (1 group)" in " ".join(seen.sentences)


def test_scores_have_the_same_ratios_to_each_other_whatever_the_baseline() -> None:
    """The arithmetic mean of b over a is 1.25, and that of a over b as well."""
    for baseline in "abc":
        seen = of(*A, *B, *C, score=True, baseline=baseline)
        scores = dict(zip(seen.stacks, (score.value for score in seen.scores), strict=True))
        assert scores["c"] / scores["a"] == pytest.approx(2.0)  # type: ignore[operator]
        assert scores["b"] / scores["a"] == pytest.approx(1.0)  # type: ignore[operator]


def test_a_stack_that_fails_where_it_is_slow_has_no_score_and_changes_no_other() -> None:
    seen = of(*A, B[0], failed(B[1]), *C, score=True)
    assert [score.value for score in seen.scores] == pytest.approx([1.0, None, 2.0])
    assert seen.scores[1].text == "-"
    (why,) = (text for text in seen.sentences if text.startswith("b has no geometric mean"))
    assert "stream float64 on cpu:0" in why and "different groups cannot be compared" in why


def test_where_no_stack_has_all_groups_nobody_has_a_score() -> None:
    seen = of(*A, B[0], failed(B[1]), score=True)
    assert len(seen.lines) == 2 and seen.scores == ()
    assert not any("is over all" in text for text in seen.sentences)


def test_a_score_is_proven_by_its_rounds() -> None:
    """Each group is restless, their mean is not: the rounds of the one are slow where those of the other are fast."""
    up, down = [0.5, 0.8, 1.25, 0.8], [1.25, 0.8, 0.5, 0.8]
    base = [a_row("a", [1.0] * 4, name) for name in ("matmul", "stream")]
    seen = of(*base, quiet(a_row("b", up)), quiet(a_row("b", down, "stream")), score=True)
    assert texts(seen) == [["1.00x", "?1.25x"]] * 2
    assert [score.text for score in seen.scores] == ["1.00x", "1.25x"]
    assert [score.text for score in of(*A, *B, score=True).scores] == ["1.00x", "?1.00x"]
    seen = of(*base, quiet(a_row("b", up)), quiet(a_row("b", up, "stream")), score=True)
    assert [score.text for score in seen.scores] == ["1.00x", "?1.25x"]


def test_a_mean_of_fewer_than_two_groups_is_refused() -> None:
    assert geometric_mean([2.0, 8.0]) == pytest.approx(4.0)
    for few in ([], [2.0]):
        with pytest.raises(ValueError, match="needs 2 ratios"):
            geometric_mean(few)
    seen = of(A[0], B[0], score=True)
    assert seen.scores == () and seen.lines == () and "here is 1" in seen.sentences[0]


def test_nobody_asked_is_the_default() -> None:
    assert not BY_ITSELF.asked and SCORE.asked and SummaryOptions("a").asked
