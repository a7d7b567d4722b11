"""No row follows the same neighbour in every round, and what carries over gives no false verdict."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Sequence

import pytest
from builders import a_round, a_trial

from mambench.analysis.results import summarise
from mambench.analysis.verdicts import verdicts
from mambench.measurement.orders import orders, williams
from mambench.model import Result


@pytest.mark.parametrize("rows", range(2, 12))
def test_each_row_has_each_place_and_follows_each_other_row_equally_often(rows: int) -> None:
    design = williams(rows)
    places = Counter((place, row) for order in design for place, row in enumerate(order))
    pairs = Counter(pair for order in design for pair in zip(order, order[1:], strict=False))
    assert len(places) == rows * rows
    assert len(set(places.values())) == 1
    assert len(pairs) == rows * (rows - 1)
    assert len(set(pairs.values())) == 1


@pytest.mark.parametrize("rows", range(3, 12))
@pytest.mark.parametrize("rounds", [3, 5, 10])
def test_no_row_follows_the_same_neighbour_in_all_rounds(rows: int, rounds: int) -> None:
    for seed in range(20):
        found = orders(rows, rounds, seed=seed)
        assert all(sorted(order) == list(range(rows)) for order in found)
        for row in range(rows):
            before = [order[order.index(row) - 1] if order.index(row) else None for order in found]
            assert len(set(before)) > 1


def test_the_first_round_is_in_the_order_of_the_plan_and_one_row_needs_no_design() -> None:
    assert all(orders(rows, 3, seed=4)[0] == list(range(rows)) for rows in range(8))
    assert orders(1, 3, seed=1) == [[0], [0], [0]]


def share_of_false_verdicts(design: Sequence[Sequence[int]], *, carried: float = 0.04) -> float:
    """Of 200 sessions of equal rows, each of which in turn slows the row that follows it."""
    generator = random.Random(1)
    rows = len(design[0])
    false = 0
    for session in range(200):
        hot = session % rows
        rounds: list[list[float]] = [[] for _ in range(rows)]
        for order in design:
            for place, at in enumerate(order):
                slowed = carried if place and order[place - 1] == hot else 0.0
                rounds[at].append((1 + slowed) * math.exp(generator.gauss(0, 0.002)))
        results = [a_result(f"s{at}", seconds) for at, seconds in enumerate(rounds)]
        false += any("times" in line for line in verdicts(results))
    return false / 200


def a_result(stack: str, medians: Sequence[float]) -> Result:
    return summarise(a_trial(stack), [a_round(index, seconds=[value] * 3) for index, value in enumerate(medians)])


@pytest.mark.parametrize("rows", [3, 4, 5, 6, 7])
def test_a_carry_over_of_4_percent_gives_no_more_false_verdicts_than_promised(rows: int) -> None:
    """5 % are promised; 200 sessions of exactly 5 % stay at or below 8 % for 97 of 100 seeds."""
    assert share_of_false_verdicts(orders(rows, 5, seed=1)) <= 0.08


def test_a_constant_neighbour_gives_a_false_verdict_nearly_always() -> None:
    constant = [[0, 1, 2]] * 5
    hot_first = share_of_false_verdicts(constant)
    assert hot_first >= 0.5
