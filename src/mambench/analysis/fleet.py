"""Reports of many nodes, each held against those that are like it: who is wrong, who failed, who is slow. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass

from mambench.analysis.digest import Digest
from mambench.analysis.groups import Group, Kinds, Sessions, Slow, groups_of, natural, slow_nodes
from mambench.model import Reason, Trial, WrongEntry

USUAL = 0.5
"""A row that at least this part of the nodes with the same processor has is expected of the others, too."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A node that should be there and has no report, and why."""

    node: str
    why: str


@dataclass(frozen=True, slots=True)
class Wrong:
    """A node that computed a wrong product."""

    node: str
    trial: Trial
    device_name: str
    entry: WrongEntry | None
    """The one that is most wrong, where the report tells it."""
    message: str
    run_id: str
    created: str


@dataclass(frozen=True, slots=True)
class Failed:
    """A row without a number that can be trusted, on a node where others have one."""

    node: str
    trial: Trial
    reason: str
    message: str
    run_id: str


@dataclass(frozen=True, slots=True)
class Incomplete:
    """A node none of whose runs came to its end, or that lacks rows that others have."""

    node: str
    why: str


@dataclass(frozen=True)
class Fleet:
    """What the reports of many nodes say of each other."""

    nodes: tuple[str, ...]
    """Those that have a report."""
    reports: int
    groups: tuple[Group, ...] = ()
    wrong: tuple[Wrong, ...] = ()
    failed: tuple[Failed, ...] = ()
    incomplete: tuple[Incomplete, ...] = ()
    missing: tuple[Missing, ...] = ()
    slow: tuple[Slow, ...] = ()
    problems: tuple[str, ...] = ()
    """What could not be read."""

    @property
    def kinds(self) -> tuple[tuple[Group, Kinds], ...]:
        """Groups whose nodes are of two kinds."""
        return tuple((group, group.kinds) for group in self.groups if group.kinds is not None)

    def slower_than(self, part: float) -> bool:
        """Whether a node is slow, or a kind of nodes slower than the other, by more than this part."""
        ratios = (*(each.ratio for each in self.slow), *(kinds.ratio for _, kinds in self.kinds))
        return any(ratio < 1 - part for ratio in ratios)


def fleet(digests: Iterable[Digest], *, missing: Iterable[Missing] = (), problems: Iterable[str] = ()) -> Fleet:
    """The reports of each node, held against those of the others."""
    by_node: dict[str, list[Digest]] = {}
    for digest in sorted(digests, key=lambda each: each.created):
        by_node.setdefault(digest.node, []).append(digest)
    by_node = {node: by_node[node] for node in sorted(by_node, key=natural)}
    verified = {node: _verified(sessions) for node, sessions in by_node.items()}
    groups, usual = groups_of(by_node), _usual(by_node, verified)
    return Fleet(
        nodes=tuple(by_node),
        reports=sum(map(len, by_node.values())),
        groups=groups,
        wrong=tuple(each for node, sessions in by_node.items() for each in _wrong(node, sessions)),
        failed=tuple(each for node, sessions in by_node.items() for each in _failed(node, sessions, usual)),
        incomplete=tuple(_incomplete(by_node, usual, verified)),
        missing=tuple(sorted(missing, key=lambda each: natural(each.node))),
        slow=slow_nodes(groups),
        problems=tuple(problems),
    )


# --------------------------------------------------------------------------------- wrong, failed, incomplete


def _wrong(node: str, sessions: Iterable[Digest]) -> Iterator[Wrong]:
    """Of every session: a product that was right at another time takes nothing back."""
    for digest in sessions:
        for row in digest.rows:
            if row.reason == Reason.WRONG_RESULT:
                yield Wrong(
                    node, row.trial, row.device_name, row.wrong_entry, row.message, digest.run_id, digest.created
                )


Expected = Mapping[str, Set[Trial]]
"""What most nodes of a processor have a number for, by its name."""

Verified = Mapping[str, Set[Trial]]
"""What each node has a number for."""


def _verified(sessions: Iterable[Digest]) -> Set[Trial]:
    return {row.trial for digest in sessions for row in digest.rows if row.verified}


def _usual(by_node: Sessions, verified: Verified) -> Expected:
    nodes: Counter[str] = Counter()
    counts: dict[str, Counter[Trial]] = {}
    for node, sessions in by_node.items():
        processor = sessions[-1].processor
        nodes[processor] += 1
        counts.setdefault(processor, Counter()).update(verified[node])
    return {
        processor: {trial for trial, count in told.items() if count >= USUAL * nodes[processor]}
        for processor, told in counts.items()
    }


def _failed(node: str, sessions: Sequence[Digest], usual: Expected) -> Iterator[Failed]:
    """Rows whose latest session has no number that counts; what is unavailable only where others have it."""
    if all(row.verified for digest in sessions for row in digest.rows):
        return
    latest = {row.trial: (row, digest) for digest in sessions for row in digest.rows}
    for trial, (row, digest) in latest.items():
        if row.verified or row.reason == Reason.WRONG_RESULT:
            continue
        if row.status != "unavailable" or trial in usual.get(digest.processor, ()):
            reason = (row.reason or "not checked").replace("_", " ")
            yield Failed(node, trial, reason, row.message, digest.run_id)


def _incomplete(by_node: Sessions, usual: Expected, verified: Verified) -> Iterator[Incomplete]:
    for node, (*_, latest) in by_node.items():
        if not any(digest.complete for digest in by_node[node]):
            yield Incomplete(node, STOPPED if latest.finished else UNFINISHED)
        elif lacking := usual[latest.processor] - verified[node]:
            lacking -= {row.trial for digest in by_node[node] for row in digest.rows}
            if lacking:
                yield Incomplete(node, _lacks(lacking))


STOPPED = "its run was stopped before its end"
UNFINISHED = "its run has no end: it is still running, or it was killed"


def _lacks(trials: Set[Trial]) -> str:
    devices = " and ".join(sorted({str(trial.device) for trial in trials}))
    rows = "a row" if len(trials) == 1 else f"{len(trials):,} rows"
    return f"its report lacks {rows} on {devices} that most others have"
