"""Reports against reports: when a difference is one, what cannot be compared, and what may explain it."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import pytest
from builders import a_size
from digests import a_digest, a_digest_row, a_failed_row, scaled

from mambench.analysis import matching
from mambench.analysis.compare import DISTURBED, QUIET, Shift, between, proven
from mambench.analysis.digest import DigestRow, Surroundings
from mambench.analysis.matching import Obstacle, Pair, pairs

# ------------------------------------------------------------------------------------------------- numbers


def sessions(
    random_: random.Random, count: int, shift: Shift, *, mean: float = 0.0, rounds: int = 5
) -> list[DigestRow]:
    """Sessions that differ by `shift`, with 1 % between their rounds."""
    rows = []
    for _ in range(count):
        middle = random_.gauss(mean, shift.deviation)
        rows.append(a_digest_row([0.1 * math.exp(random_.gauss(middle, 0.01)) for _ in range(rounds)]))
    return rows


@pytest.mark.parametrize(("before", "after"), [(1, 1), (2, 1), (2, 2), (1, 4), (5, 3)])
def test_equal_stacks_are_told_apart_in_few_of_many_comparisons(before: int, after: int) -> None:
    random_, alarms, count = random.Random(1), 0, 1000
    for _ in range(count):
        found_ = between(sessions(random_, before, QUIET), sessions(random_, after, QUIET))
        assert found_ is not None and found_.p_value is not None
        alarms += found_.p_value < 0.05
    assert alarms <= 0.065 * count


def test_without_the_shift_between_sessions_many_would_be(monkeypatch: pytest.MonkeyPatch) -> None:
    random_ = random.Random(1)
    real = Shift(0.02, 10)
    monkeypatch.setattr("mambench.analysis.compare.QUIET", Shift(0.0, 10))
    alarms = sum(
        (between(sessions(random_, 1, real), sessions(random_, 1, real)).p_value or 1) < 0.05  # type: ignore[union-attr]
        for _ in range(300)
    )
    assert alarms > 100


def test_a_large_difference_is_found_and_its_interval_holds_it() -> None:
    random_, large = random.Random(2), 8 * QUIET.deviation
    seen = [between(sessions(random_, 3, QUIET), sessions(random_, 3, QUIET, mean=-large)) for _ in range(100)]
    assert all(each and each.low and each.low < each.ratio for each in seen)
    held = sum(bool(each and each.low and each.high and each.low < math.exp(large) < each.high) for each in seen)
    assert held >= 90
    assert sum((each.p_value or 1) < 0.05 for each in seen if each) >= 99


def test_a_ratio_is_of_speeds() -> None:
    faster = between([a_digest_row(scaled(1.0))], [a_digest_row(scaled(0.5))])
    assert faster is not None and faster.ratio == pytest.approx(2)


def test_under_load_sessions_lie_further_apart() -> None:
    quiet = between([a_digest_row(scaled(1.3))], [a_digest_row()])
    noisy = between([a_digest_row(scaled(1.3), disturbed_rounds=1)], [a_digest_row()])
    assert quiet and noisy and quiet.p_value is not None and noisy.p_value is not None
    assert quiet.p_value < 0.05 < noisy.p_value and DISTURBED.deviation > QUIET.deviation


def test_two_rounds_give_a_ratio_and_no_interval() -> None:
    difference = between([a_digest_row(scaled(1.0)[:2])], [a_digest_row(scaled(2.0))])
    assert difference is not None and difference.ratio == pytest.approx(0.5, rel=0.01)
    assert (difference.low, difference.high, difference.p_value) == (None, None, None)


def test_three_sessions_of_one_round_tell_how_far_sessions_lie_apart() -> None:
    single = [a_digest_row([value]) for value in (0.1, 0.101, 0.099)]
    difference = between(single, [a_digest_row([2 * value]) for value in (0.1, 0.101, 0.099)])
    assert difference is not None and difference.p_value is not None and difference.p_value < 0.001


def test_holm_holds_the_smallest_against_all_of_them() -> None:
    assert proven([0.001, None, 0.06, 0.02]) == [True, False, False, True]
    assert proven([0.04, 0.04]) == [False, False] and proven([]) == []


# ----------------------------------------------------------------------------------------------- verdicts


def compared(before: DigestRow, after: DigestRow) -> Pair:
    (pair,) = pairs([a_digest(before)], [a_digest(after)])
    return pair


@pytest.mark.parametrize(
    ("by", "verdict"), [(0.5, "faster"), (2.0, "slower"), (1.0, "same"), (1.015, "same"), (0.985, "same")]
)
def test_a_verdict_needs_more_than_two_percent(by: float, verdict: str) -> None:
    pair = compared(a_digest_row(), a_digest_row(scaled(by)))
    assert (pair.verdict, pair.obstacle) == (verdict, None)


@pytest.mark.parametrize(
    ("before", "after", "obstacle", "words"),
    [
        (a_digest_row([0.1]), a_digest_row(), Obstacle.ROUNDS, "fewer than three rounds"),
        (a_digest_row(), a_failed_row(), Obstacle.FAILED, "failed in the candidate: wrong result"),
        (a_failed_row(), a_digest_row(), Obstacle.FAILED, "failed in the baseline"),
        (a_digest_row(verified=False), a_digest_row(), Obstacle.UNCHECKED, "not checked in the baseline"),
    ],
)
def test_what_cannot_be_compared_says_why(before: DigestRow, after: DigestRow, obstacle: Obstacle, words: str) -> None:
    pair = compared(before, after)
    assert (pair.verdict, pair.obstacle) == (None, obstacle) and words in pair.detail


def test_other_methodologies_cannot_be_compared() -> None:
    (pair,) = pairs([a_digest(methodology=1)], [a_digest(a_digest_row(scaled(3.0)))])
    assert pair.verdict is None and pair.obstacle is Obstacle.METHODOLOGY and "methodology 1 and 2" in pair.detail


def test_rows_of_one_side_only_are_told() -> None:
    before = a_digest(a_digest_row(), a_digest_row(stack="numpy-mkl@conda"))
    told = {
        pair.trial.stack.name: pair.detail for pair in pairs([before], [a_digest(a_digest_row(stack="jax-cpu@pypi"))])
    }
    assert told == {
        "numpy-openblas": "not in the candidate",
        "numpy-mkl": "not in the candidate",
        "jax-cpu": "not in the baseline",
    }


def test_many_equal_rows_give_few_false_verdicts() -> None:
    random_, alarmed = random.Random(3), 0
    for _ in range(150):
        sides = []
        for _side in range(2):
            rows = [sessions(random_, 1, QUIET)[0] for _ in range(8)]
            sides.append(
                a_digest(
                    *(replace(row, trial=replace(row.trial, size=a_size(64, 64 + i, 64))) for i, row in enumerate(rows))
                )
            )
        alarmed += any(pair.verdict != "same" for pair in pairs([sides[0]], [sides[1]]))
    assert alarmed <= 0.1 * 150


# ----------------------------------------------------------------------------------------------- machines


def test_a_machine_is_compared_with_itself() -> None:
    slow, fast = a_digest_row(scaled(4.0)), a_digest_row()
    before = [a_digest(slow, machine="a"), a_digest(fast, machine="b")]
    after = [a_digest(fast, machine="b"), a_digest(slow, machine="a"), a_digest(slow, machine="c")]
    told = {matching.machine_name(pair): (pair.verdict, pair.obstacle) for pair in pairs(before, after)}
    assert told == {"a": ("same", None), "b": ("same", None), "c": (None, Obstacle.MACHINE)}


def test_machines_are_compared_with_the_only_one_of_the_baseline() -> None:
    before = [a_digest(machine="mine")]
    after = [a_digest(a_digest_row(scaled(2.0)), machine=name) for name in ("x", "y")]
    compared_ = pairs(before, after)
    assert [matching.machine_name(pair) for pair in compared_] == ["x over mine", "y over mine"]
    assert all(pair.verdict == "slower" for pair in compared_)
    assert [pair.changes[0].words for pair in compared_] == ["machine mine, now x", "machine mine, now y"]


def test_a_trial_that_a_machine_lost_is_missing() -> None:
    both = (a_digest_row(), a_digest_row(stack="numpy-mkl@conda"))
    before = [a_digest(*both, machine="a"), a_digest(*both, machine="b")]
    after = [a_digest(*both, machine="a"), a_digest(both[0], machine="b")]
    missing = [pair for pair in pairs(before, after) if pair.obstacle is Obstacle.MISSING]
    assert [(matching.machine_name(pair), pair.trial.stack.name) for pair in missing] == [("b", "numpy-mkl")]


# ------------------------------------------------------------------------------------------------ reasons


def surrounded(by: float, packages: dict[str, str], facts: dict[str, str], load: float = 0.0) -> DigestRow:
    told = Surroundings(tuple(packages.items()), tuple(facts.items()))
    return a_digest_row(scaled(by), surroundings=told, other_cpu_percent=load)


def test_every_thing_that_changed_is_named() -> None:
    facts = {
        "BLAS": "openblas 0.3.30",
        "threads": "8",
        "driver of GPU cuda:0": "570",
        "CPU": "A",
        "governor": "performance",
    }
    after = {
        "BLAS": "openblas 0.3.31",
        "threads": "4",
        "driver of GPU cuda:0": "580",
        "CPU": "B",
        "governor": "powersave",
    }
    before_row = surrounded(1, {"numpy": "2.4.5", "gone": "1"}, {**facts, "power plan": "High performance"})
    after_row = surrounded(2, {"numpy": "2.4.6", "new": "3"}, after, load=40)
    words = matching.why(compared(before_row, after_row))
    for each in (
        "numpy 2.4.5, now 2.4.6",
        "gone 1, now not there",
        "new not there, now 3",
        "BLAS openblas 0.3.30, now openblas 0.3.31",
        "threads 8, now 4",
        "driver of GPU cuda:0 570, now 580",
        "CPU A, now B",
        "governor performance, now powersave",
        "power plan High performance, now not told",
        "background load up to 0 % of the CPU, now up to 40 %",
    ):
        assert each in words


def test_nothing_changed_but_the_number_is_said() -> None:
    row = surrounded(1, {"numpy": "2.4.6"}, {"CPU": "A"}, load=3)
    pair = compared(row, replace(row, seconds=a_digest_row(scaled(2)).seconds))
    assert pair.verdict == "slower" and pair.changes == ()
    assert "only the number" in matching.sentences([pair])[0]


def test_rows_with_the_same_reason_are_told_together() -> None:
    rows = [a_digest_row(stack=stack) for stack in ("numpy-openblas@pypi", "numpy-mkl@conda")]
    slower = [a_digest_row(scaled(2), stack=str(row.trial.stack)) for row in rows]
    (sentence,) = matching.sentences(pairs([a_digest(*rows)], [a_digest(*slower)]))
    assert "numpy-openblas" in sentence and "numpy-mkl" in sentence and sentence.count("only the number") == 1


def test_the_summary_counts_every_verdict() -> None:
    before = [a_digest_row(stack=f"{name}@pypi") for name in ("a", "b", "c")] + [a_failed_row("d@pypi")]
    after = [
        a_digest_row(scaled(by), stack=f"{name}@pypi") for name, by in (("a", 2.0), ("b", 0.5), ("c", 1.0), ("d", 1.0))
    ]
    words = matching.summary(pairs([a_digest(*before)], [a_digest(*after)]))
    assert words == "4 rows: 1 faster, 1 slower, 1 with no difference seen, 1 not comparable."


@pytest.mark.parametrize(("part", "fails"), [(0.0, True), (0.05, True), (0.4, True), (0.6, False)])
def test_slower_than_asked_for_is_proven_and_by_more_than_that(part: float, fails: bool) -> None:
    assert matching.slower_than(compared(a_digest_row(), a_digest_row(scaled(2.0))), part) is fails
    assert not matching.slower_than(compared(a_digest_row(), a_digest_row(scaled(1.01))), 0.0)
    assert not matching.slower_than(compared(a_digest_row(), a_digest_row(scaled(0.5))), 0.0)
