"""One row over many nodes: how fast each is, which of them are slow, and in what these depart from the others. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import median, quantiles
from typing import Any

from mambench.analysis.departures import Departure, Usual
from mambench.analysis.digest import Digest, DigestRow
from mambench.analysis.rows import DTYPE_ORDER
from mambench.analysis.slowness import MIN_NODES, Yardstick, split, yardstick
from mambench.model import Trial

Sessions = Mapping[str, Sequence[Digest]]
"""The reports of each node, the oldest first."""


@dataclass(frozen=True, slots=True)
class Value:
    """One row of one node: the median over its sessions."""

    node: str
    rate: float
    sessions: int
    row: DigestRow
    """Of its latest session."""
    ratio: float = 1.0
    """To the median of the nodes that it is compared with."""
    score: float | None = None
    """The modified z-score; None where there are too few nodes."""
    slow: bool = False


@dataclass(frozen=True, slots=True)
class Kinds:
    """The nodes of a group that fall into two kinds, as after an update of some of them."""

    slower: tuple[str, ...]
    faster: tuple[str, ...]
    ratio: float
    """Of their median rates."""
    departures: tuple[Departure, ...]
    """Of the slower ones, from the faster ones."""


@dataclass(frozen=True, slots=True)
class Group:
    """One trial over all nodes whose device is of one name, measured with one methodology; the fastest first."""

    trial: Trial
    device_name: str
    methodology: int
    values: tuple[Value, ...]
    seen_from: float | None
    """The smallest part of speed whose lack is told; None where there are too few nodes to tell anything."""
    kinds: Kinds | None = None

    @property
    def median(self) -> float:
        """Of the rates."""
        return median(value.rate for value in self.values)

    @property
    def spread(self) -> float | None:
        """The interquartile range over the median; None for a single node."""
        if len(self.values) < 2:
            return None
        low, _, high = quantiles((value.rate for value in self.values), method="inclusive")
        return (high - low) / self.median


@dataclass(frozen=True, slots=True)
class Slow:
    """A node that is slow, in which rows, and in what it departs from the others."""

    node: str
    values: tuple[tuple[Group, Value], ...]
    rows: int
    """That it has."""
    departures: tuple[Departure, ...]

    @property
    def ratio(self) -> float:
        """Of its worst row, to the median."""
        return min(value.ratio for _, value in self.values)


def natural(name: str) -> list[str]:
    """A key that puts n9 before n10."""
    return [part.zfill(20) if number % 2 else part for number, part in enumerate(_DIGITS.split(name))]


_DIGITS = re.compile("([0-9]+)")

Key = tuple[Trial, str, int]


def groups_of(by_node: Sessions) -> tuple[Group, ...]:
    """In the order of tables."""
    measured: dict[Key, dict[str, list[DigestRow]]] = {}
    for node, sessions in by_node.items():
        for digest in sessions:
            for row in digest.rows:
                if row.verified:
                    key = row.trial, row.device_name, digest.methodology
                    measured.setdefault(key, {}).setdefault(node, []).append(row)
    values = sum(len(nodes) for nodes in measured.values() if len(nodes) >= MIN_NODES)
    return tuple(_group(key, measured[key], values) for key in sorted(measured, key=_order))


def _order(key: Key) -> tuple[Any, ...]:
    trial, device_name, methodology = key
    where = trial.benchmark, trial.device, len(trial.beside), trial.work, trial.size.name
    return *where, DTYPE_ORDER.index(trial.dtype), trial.threads or 0, str(trial.stack), device_name, methodology


def _group(key: Key, nodes: Mapping[str, Sequence[DigestRow]], count: int) -> Group:
    values = sorted((_value(node, rows) for node, rows in nodes.items()), key=lambda each: -each.rate)
    if len(values) < MIN_NODES:
        middle = median(each.rate for each in values)
        return Group(*key, tuple(replace(each, ratio=each.rate / middle) for each in values), None)
    border = split([_logarithm(each) for each in values])
    sides = [values] if border is None else _parted(values, border)
    judged = [_judged(side, nodes, count) for side in sides]
    return Group(
        *key,
        values=tuple(each for side, _ in judged for each in side),
        seen_from=max(measure.seen_from for _, measure in judged),
        kinds=_kinds(*sides) if len(sides) == 2 else None,
    )


def _value(node: str, rows: Sequence[DigestRow]) -> Value:
    return Value(node, _middle([row.rate or 0.0 for row in rows]), len(rows), rows[-1])


def _middle(numbers: Sequence[float]) -> float:
    return numbers[0] if len(numbers) == 1 else median(numbers)


def _logarithm(value: Value) -> float:
    return math.log(value.rate)


def _parted(values: Sequence[Value], border: float) -> tuple[list[Value], list[Value]]:
    """The faster ones, and the slower ones."""
    faster = [each for each in values if _logarithm(each) > border]
    return faster, list(values[len(faster) :])


def _judged(
    values: Sequence[Value], nodes: Mapping[str, Sequence[DigestRow]], count: int
) -> tuple[list[Value], Yardstick]:
    """Each held against the others of its kind."""
    measure = yardstick([_logarithm(each) for each in values], values=count)
    return [_beside(each, measure, _error(nodes[each.node])) for each in values], measure


def _beside(value: Value, measure: Yardstick, error: float) -> Value:
    logarithm = _logarithm(value)
    ratio, score = math.exp(logarithm - measure.centre), measure.score(logarithm)
    return Value(value.node, value.rate, value.sessions, value.row, ratio, score, measure.is_slow(logarithm, error))


def _error(rows: Sequence[DigestRow]) -> float:
    """The standard error of a node's logarithm as its rounds tell it; 0 where they are too few."""
    return math.sqrt(_middle([row.squared_error or 0.0 for row in rows]))


def _kinds(faster: Sequence[Value], slower: Sequence[Value]) -> Kinds:
    ratio = median(each.rate for each in slower) / median(each.rate for each in faster)
    told = Usual([each.row for each in faster]).departures([each.row for each in slower], among=False)
    return Kinds(_names(slower), _names(faster), ratio, told)


def _names(values: Iterable[Value]) -> tuple[str, ...]:
    return tuple(sorted((each.node for each in values), key=natural))


# ------------------------------------------------------------------------------------------------- slow nodes


def slow_nodes(groups: Iterable[Group]) -> tuple[Slow, ...]:
    """The slowest first."""
    slow: dict[str, list[tuple[Group, Value]]] = {}
    departures: dict[str, dict[Departure, None]] = {}
    rows: Counter[str] = Counter()
    for group in groups:
        rows.update(value.node for value in group.values)
        if named := [value for value in group.values if value.slow]:
            usual = Usual([value.row for value in group.values])
            for value in named:
                slow.setdefault(value.node, []).append((group, value))
                told = usual.departures([value.row], among=True)
                departures.setdefault(value.node, {}).update(dict.fromkeys(told))
    nodes = (Slow(node, tuple(slow[node]), rows[node], _once(departures[node])) for node in slow)
    return tuple(sorted(nodes, key=lambda each: (each.ratio, natural(each.node))))


def _once(told: Iterable[Departure]) -> tuple[Departure, ...]:
    """Each thing as the first of several rows tells it."""
    return tuple({each.what: each for each in reversed(tuple(told))}.values())[::-1]
