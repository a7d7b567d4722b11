"""A machine that warms up is told by the order of its rounds; a steady one is not."""

from __future__ import annotations

import math
import random

import pytest
from builders import a_round, a_trial

from mambench.analysis.drift import drift
from mambench.analysis.results import summarise
from mambench.model import Result


def session(generator: random.Random, *, rows: int, rounds: int = 5, warming: float = 0.0) -> list[Result]:
    """Rows that take turns, 1 % between processes; runs are slower by `warming` once the machine is warm."""
    found = []
    for row in range(rows):
        orders = [index * rows + row for index in range(rounds)]
        seconds = [
            (1 + warming * (1 - math.exp(-order / rows))) * math.exp(generator.gauss(0, 0.01)) for order in orders
        ]
        found.append(
            summarise(
                a_trial(f"s{row}"),
                [
                    a_round(index, order, [value] * 3)
                    for index, (order, value) in enumerate(zip(orders, seconds, strict=True))
                ],
            )
        )
    return found


@pytest.mark.parametrize(("rows", "least"), [(1, 0.8), (2, 0.9), (6, 0.98)])
def test_a_warm_up_of_10_percent_is_detected(rows: int, least: float) -> None:
    generator = random.Random(1)
    seen = [drift(session(generator, rows=rows, warming=0.10)) for _ in range(200)]
    assert sum(change is not None and change > 0 for change in seen) / 200 >= least


@pytest.mark.parametrize("rows", [1, 2, 6])
def test_a_steady_machine_is_seldom_said_to_drift(rows: int) -> None:
    """5 % at most; 400 sessions of exactly 5 % stay below 7.5 % for 98 of 100 seeds."""
    generator = random.Random(2)
    assert sum(drift(session(generator, rows=rows)) is not None for _ in range(400)) / 400 <= 0.075


def test_too_few_rounds_tell_nothing() -> None:
    generator = random.Random(3)
    assert drift(session(generator, rows=3, rounds=2, warming=0.5)) is None
    assert drift([]) is None
