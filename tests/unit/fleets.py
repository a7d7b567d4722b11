"""Fleets for the tests: reports in short of many nodes, as measured or as a test wants them."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from builders import a_trial
from digests import a_digest, a_digest_row

from mambench.analysis.digest import Digest, DigestRow, Surroundings

BETWEEN_ROUNDS, BETWEEN_NODES = 0.01, 0.005
"""Standard deviations of logarithms, as measured (docs/methodology.md) and as assumed (docs/fleet.md)."""


def a_node(node: str, *rows: DigestRow, **changes: Any) -> Digest:
    """One report of it."""
    run_id = changes.pop("run_id", f"{node:0>32}")
    return a_digest(*rows, run_id=run_id, machine=node, processor="A processor", **changes)


def steady(by: float = 1.0, **changes: Any) -> DigestRow:
    """A row of five rounds of a quiet node, so many times as slow."""
    return a_digest_row([0.1 * by * (1 + part) for part in (0, 0.002, -0.002, 0.001, -0.001)], **changes)


def with_facts(row: DigestRow, **facts: str) -> DigestRow:
    return replace(row, surroundings=Surroundings((("numpy", "2.4.6"),), tuple(facts.items())))


def simulated(
    seed: int,
    nodes: int,
    rows: int = 1,
    *,
    slower: Callable[[int], float] = lambda _: 1.0,
    between_rounds: float = BETWEEN_ROUNDS,
    between_nodes: float = BETWEEN_NODES,
) -> Iterator[Digest]:
    """Equal nodes, but for what `slower` makes of a node's seconds by its number, from 0."""
    chance = random.Random(seed)
    trials = [a_trial("numpy-openblas@pypi", n=1000 + row) for row in range(rows)]
    for number in range(nodes):
        node = math.exp(chance.gauss(0, between_nodes)) * slower(number)
        measured = [_rounds(chance, node, between_rounds) for _ in trials]
        told = [a_digest_row(seconds, trial=trial) for seconds, trial in zip(measured, trials, strict=True)]
        yield a_node(f"n{number}", *told)


def _rounds(chance: random.Random, node: float, between_rounds: float) -> Sequence[float]:
    return [0.1 * node * math.exp(chance.gauss(0, between_rounds)) for _ in range(5)]
