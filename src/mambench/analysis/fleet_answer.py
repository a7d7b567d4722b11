"""What a fleet's reports say, in sentences: wrong products first, then failures, missing nodes and slow ones. Pure."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar

from mambench.analysis.departures import sentence
from mambench.analysis.fleet import Failed, Fleet, Incomplete, Missing, Wrong
from mambench.analysis.groups import Group, Kinds, Slow
from mambench.analysis.rows import figure, with_unit
from mambench.analysis.slowness import MIN_NODES
from mambench.analysis.verdicts import listed, row_words
from mambench.analysis.words import counted
from mambench.model import DeviceKind, Trial, WrongEntry

Item = TypeVar("Item")
Key = TypeVar("Key", bound=Hashable)


class Topic(StrEnum):
    """What a line is about, the worst first."""

    WRONG = "wrong"
    FAILED = "failed"
    MISSING = "missing"
    SLOW = "slow"
    KINDS = "kinds"
    NOTE = "note"


@dataclass(frozen=True)
class Line:
    """One sentence or two, as a person reads it."""

    topic: Topic
    text: str


MAX_LINES = 20
"""Of one topic."""

MAX_NODES = 8
"""Named in one line."""

COARSE = 0.05
"""Where a node must lack more than this to be named, it is said how much."""


def headline(fleet: Fleet) -> str:
    """`200 nodes: 1 computed a WRONG RESULT (n17), 1 failed, 1 slow.`"""
    wrong = _nodes(fleet.wrong)
    counts = [
        (len(wrong), f"computed a WRONG RESULT ({_named(wrong)})" if wrong else ""),
        (len(_nodes(fleet.failed)), "with failed rows"),
        (len(_nodes(fleet.incomplete)), "not complete"),
        (len(_nodes(fleet.missing)), "missing"),
        (len(fleet.slow), "slow"),
    ]
    told = [f"{count:,} {words}" for count, words in counts if count]
    if two_kinds := sorted({len(kinds.slower) for _, kinds in fleet.kinds}):
        told.append(f"two kinds of nodes, the slower one of {two_kinds[-1]:,}")
    nodes = counted(len(fleet.nodes), "node")
    if told:
        return f"{nodes} with a report: {', '.join(told)}."
    if not _told_of(fleet):
        return f"{nodes}: nothing failed; which are slow cannot be told."
    return f"{nodes}: all is well, none is slow."


def lines(fleet: Fleet) -> list[Line]:
    """The whole answer in its order."""
    return [
        *_capped(Topic.WRONG, _wrong(fleet.wrong)),
        *_capped(Topic.FAILED, _failed(fleet.failed)),
        *_capped(Topic.MISSING, _not_there(fleet)),
        *_capped(Topic.SLOW, map(_slow, fleet.slow)),
        *_capped(Topic.KINDS, _kinds(fleet.kinds)),
        *(Line(Topic.NOTE, text) for text in _notes(fleet)),
    ]


def _capped(topic: Topic, texts: Iterable[str]) -> list[Line]:
    every = list(texts)
    more = (
        [f"{len(every) - MAX_LINES:,} more such lines are not shown; --json has all."] if len(every) > MAX_LINES else []
    )
    return [Line(topic, text) for text in (*every[:MAX_LINES], *more)]


# --------------------------------------------------------------------------------------------- wrong results


def _wrong(every: Sequence[Wrong]) -> Iterator[str]:
    for each in every:
        entry = _entry(each.entry) if each.entry else each.message
        yield f"{each.node}: WRONG RESULT: {where(each.trial)}: {entry} (run {each.run_id[:8]}, {each.created[:10]})"
    if every:
        parts = {"processor" if each.trial.device.kind == DeviceKind.CPU else "GPU" for each in every}
        yield (
            f"Take {_named(_nodes(every))} out of use, measure the same there again, and test memory and "
            f"{listed(sorted(parts))}: a wrong product without an error is silent data corruption."
        )


def _entry(entry: WrongEntry) -> str:
    index = ", ".join(map(str, entry.index))
    value = "not a finite number" if entry.value is None else f"{entry.value:.6g}"
    if entry.expected is None:
        return f"entry [{index}] is {value}"
    expected = f"{entry.expected:.6g}"
    if value == expected:
        value, expected = repr(entry.value), repr(entry.expected)
    return f"entry [{index}] is {value}, should be {expected}"


def where(trial: Trial) -> str:
    """A row in a sentence: `torch-cpu@pypi float32 n = 4096 on cpu:0`."""
    benchmark = "" if trial.benchmark == "matmul" else f"{trial.benchmark} "
    threads = "" if trial.threads is None else f", {counted(trial.threads, 'thread')}"
    return f"{benchmark}{row_words(trial)} {trial.dtype} {trial.size.words} on {trial.place}{threads}"


# ------------------------------------------------------------------------------------------ failed and missing


def _failed(every: Iterable[Failed]) -> Iterator[str]:
    """The same failure of many rows and nodes is one line."""
    for (reason, message), rows in _by(every, lambda each: (each.reason, each.message)):
        trials = list(dict.fromkeys(each.trial for each in rows))
        more = f" and {counted(len(trials) - 1, 'more row')}" if len(trials) > 1 else ""
        because = f": {message}" if message else ""
        yield f"{_named(_nodes(rows))}: {reason}: {where(trials[0])}{more}{because}"


def _not_there(fleet: Fleet) -> Iterator[str]:
    for why, gone in _by(fleet.missing, lambda each: each.why):
        yield f"{_named(_nodes(gone))}: missing: {why}"
    for why, broken_off in _by(fleet.incomplete, lambda each: each.why):
        yield f"{_named(_nodes(broken_off))}: not complete: {why}"


# ---------------------------------------------------------------------------------------------------- slow


def _slow(node: Slow) -> str:
    group, worst = min(node.values, key=lambda each: each[1].ratio)
    devices = listed(sorted({str(group.trial.device) for group, _ in node.values}))
    if len(node.values) == node.rows:
        rows = "in its only row" if node.rows == 1 else f"in all of its {node.rows:,} rows"
    else:
        rows = f"in {len(node.values):,} of its {counted(node.rows, 'row')}"
    by = f"{slower(worst.ratio)}" if len(node.values) == 1 else f"up to {slower(worst.ratio)}"
    figures = f"{figure(worst.rate)} instead of {with_unit(group.median, group.trial)}"
    return (
        f"{node.node}: slow on {devices} {rows}, by {by} ({where(group.trial)}: {figures}): {sentence(node.departures)}"
    )


def slower(ratio: float) -> str:
    """`5.1 %` for a ratio of 0.949."""
    return f"{100 * (1 - ratio):.1f} %"


def _kinds(every: Iterable[tuple[Group, Kinds]]) -> Iterator[str]:
    """Groups that fall into the same kinds are one line."""
    for (names, _), rows in _by(every, lambda each: (each[1].slower, each[1].faster)):
        group, kinds = min(rows, key=lambda each: each[1].ratio)
        more = f" and {counted(len(rows) - 1, 'more row')}" if len(rows) > 1 else ""
        yield (
            f"Two kinds of nodes in {where(group.trial)}{more}: {len(names):,} ({_named(names)}) are "
            f"{slower(kinds.ratio)} slower than the other {len(kinds.faster):,}: {sentence(kinds.departures)}"
        )


def _notes(fleet: Fleet) -> Iterator[str]:
    told = _told_of(fleet)
    few = [group for group in fleet.groups if group.seen_from is None]
    if few and not told:
        yield (
            f"With {counted(max(len(group.values) for group in few), 'node')} nothing can be told of which is slow: "
            f"it takes {MIN_NODES} to see which one differs, and ten or more to see a few percent."
        )
    elif few:
        yield f"On fewer than {MIN_NODES} like nodes: {counted(len(few), 'row')}, of which nothing can be told."
    if told and max(told) > COARSE:
        yield (
            f"So few nodes, or nodes that scatter so much, are told apart from {100 * max(told):.0f} % on only: "
            "a smaller difference may be there unseen."
        )


def _told_of(fleet: Fleet) -> list[float]:
    return [group.seen_from for group in fleet.groups if group.seen_from is not None]


# --------------------------------------------------------------------------------------------------- names


def _nodes(every: Iterable[Wrong | Failed | Missing | Incomplete]) -> list[str]:
    return list(dict.fromkeys(each.node for each in every))


def _named(nodes: Sequence[str]) -> str:
    """`n1`, `n1 and n2`, `n1, n2, n3 and 97 more`."""
    if len(nodes) <= MAX_NODES:
        return listed(nodes)
    return f"{', '.join(nodes[:MAX_NODES])} and {len(nodes) - MAX_NODES:,} more"


def _by(every: Iterable[Item], key: Callable[[Item], Key]) -> list[tuple[Key, list[Item]]]:
    groups: dict[Key, list[Item]] = {}
    for each in every:
        groups.setdefault(key(each), []).append(each)
    return list(groups.items())
