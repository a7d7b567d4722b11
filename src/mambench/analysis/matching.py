"""Reports against reports: trials matched by key and machine, what differs, and what may explain it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import median

from mambench.analysis.changes import Change, changes
from mambench.analysis.compare import Difference, Verdict, between, proven, verdict_of
from mambench.analysis.digest import Digest, DigestRow
from mambench.analysis.verdicts import group_words, row_words
from mambench.analysis.words import counted
from mambench.model import Trial


class Obstacle(StrEnum):
    """Why two rows cannot be compared."""

    MISSING = "missing"
    MACHINE = "machine"
    FAILED = "failed"
    UNCHECKED = "unchecked"
    METHODOLOGY = "methodology"
    ROUNDS = "rounds"


@dataclass(frozen=True, slots=True)
class Side:
    """The sessions of one trial on one machine."""

    machine: str = ""
    rows: tuple[DigestRow, ...] = ()
    """All of them, measured or not."""
    methodologies: frozenset[int] = frozenset()

    @property
    def measured(self) -> tuple[DigestRow, ...]:
        """Those with a verified number."""
        return tuple(row for row in self.rows if row.verified)

    @property
    def rate(self) -> float | None:
        """The median over its sessions."""
        return median(row.rate or 0.0 for row in self.measured) if self.measured else None


@dataclass(frozen=True, slots=True)
class Pair:
    """One row of a comparison; `verdict` is None where it cannot be compared, for the reason in `obstacle`."""

    trial: Trial
    baseline: Side
    candidate: Side
    difference: Difference | None = None
    verdict: Verdict | None = None
    obstacle: Obstacle | None = None
    detail: str = ""
    """What the obstacle is, in words."""
    changes: tuple[Change, ...] = ()

    @property
    def disturbed(self) -> bool:
        """Whether something disturbed a measurement of either side."""
        return any(row.disturbed for side in (self.baseline, self.candidate) for row in side.measured)


Sides = Mapping[Trial, Mapping[str, Side]]


def pairs(baseline: Iterable[Digest], candidate: Iterable[Digest]) -> list[Pair]:
    """Every trial of either side, with a verdict where there can be one; Holm's procedure over all of them."""
    matched = list(_matched(_sides(baseline), _sides(candidate)))
    differences = [between(pair.baseline.measured, pair.candidate.measured) for pair in matched]
    obstacles = [_obstacle(pair, difference) for pair, difference in zip(matched, differences, strict=True)]
    chances = [
        difference.p_value if difference and obstacle is None else None
        for difference, (obstacle, _) in zip(differences, obstacles, strict=True)
    ]
    return list(map(_decided, matched, differences, obstacles, proven(chances)))


def _sides(digests: Iterable[Digest]) -> Sides:
    seen: dict[Trial, dict[str, list[tuple[DigestRow, int]]]] = {}
    for digest in digests:
        for row in digest.rows:
            seen.setdefault(row.trial, {}).setdefault(digest.machine, []).append((row, digest.methodology))
    return {
        trial: {machine: _side(machine, rows) for machine, rows in machines.items()} for trial, machines in seen.items()
    }


def _side(machine: str, rows: Sequence[tuple[DigestRow, int]]) -> Side:
    return Side(machine, tuple(row for row, _ in rows), frozenset(methodology for _, methodology in rows))


def _matched(baseline: Sides, candidate: Sides) -> Iterator[Pair]:
    """A machine is compared with itself, or with the only one of the baseline where that is another one."""
    seen_again = {machine for machines in candidate.values() for machine in machines}
    for trial in dict.fromkeys((*baseline, *candidate)):
        before, after = baseline.get(trial, {}), candidate.get(trial, {})
        used = set()
        for machine, side in after.items():
            if machine in before or len(before) == 1:
                opposite = before.get(machine) or next(iter(before.values()))
                used.add(opposite.machine)
                yield Pair(trial, opposite, side)
            else:
                yield Pair(trial, Side(), side, obstacle=Obstacle.MACHINE if before else Obstacle.MISSING)
        for machine, side in before.items():
            if machine not in used and (machine in seen_again or not after):
                yield Pair(trial, side, Side(), obstacle=Obstacle.MISSING)


def _obstacle(pair: Pair, difference: Difference | None) -> tuple[Obstacle | None, str]:
    sides = ("baseline", pair.baseline), ("candidate", pair.candidate)
    if pair.obstacle is Obstacle.MACHINE:
        return pair.obstacle, f"the baseline has several machines, and {pair.candidate.machine} is none of them"
    if pair.obstacle is not None:
        return pair.obstacle, f"not in the {'candidate' if pair.baseline.rows else 'baseline'}"
    for name, side in sides:
        if not side.measured:
            return _without_number(name, side)
    methodologies = pair.baseline.methodologies | pair.candidate.methodologies
    if len(methodologies) > 1:
        numbers = " and ".join(map(str, sorted(methodologies)))
        return (
            Obstacle.METHODOLOGY,
            f"measured in different ways (methodology {numbers}); measure both with one version",
        )
    if difference is None or difference.p_value is None:
        return Obstacle.ROUNDS, "fewer than three rounds; measure with --preset standard or --rounds 5"
    return None, ""


def _without_number(name: str, side: Side) -> tuple[Obstacle, str]:
    row = side.rows[-1]
    if row.status == "ok":
        return Obstacle.UNCHECKED, f"its product was not checked in the {name}"
    reason = f": {row.reason.replace('_', ' ')}" if row.reason else ""
    return Obstacle.FAILED, f"{row.status} in the {name}{reason}"


def _decided(pair: Pair, difference: Difference | None, because: tuple[Obstacle | None, str], holds: bool) -> Pair:
    obstacle, detail = because
    verdict = verdict_of(difference.ratio, proven=holds) if difference and obstacle is None else None
    changed = _why(pair) if verdict in ("faster", "slower") else ()
    return Pair(pair.trial, pair.baseline, pair.candidate, difference, verdict, obstacle, detail, changed)


def _why(pair: Pair) -> tuple[Change, ...]:
    machines = pair.baseline.machine, pair.candidate.machine
    other = (Change("machine", *machines),) if machines[0] != machines[1] else ()
    return (*other, *changes(pair.baseline.measured, pair.candidate.measured))


# --------------------------------------------------------------------------------------------------- words

VERDICTS: Mapping[Verdict | None, str] = {
    "faster": "faster",
    "slower": "slower",
    "same": "no difference seen",
    None: "cannot be compared",
}


COUNTED: Mapping[Verdict | None, str] = {
    "faster": "faster",
    "slower": "slower",
    "same": "with no difference seen",
    None: "not comparable",
}


def summary(compared: Sequence[Pair]) -> str:
    """`8 rows: 1 faster, 2 slower, 4 with no difference seen, 1 not comparable.`"""
    counts = [(sum(pair.verdict == verdict for pair in compared), words) for verdict, words in COUNTED.items()]
    if len(compared) > 1 and all(pair.verdict == "same" for pair in compared):
        return f"No difference seen in any of {len(compared):,} rows."
    return f"{counted(len(compared), 'row')}: {', '.join(f'{count} {words}' for count, words in counts if count)}."


def why(pair: Pair) -> str:
    """What changed, or that nothing did that the reports tell."""
    if not pair.changes:
        return "nothing changed that the reports tell, only the number"
    return "; ".join(change.words for change in pair.changes)


def slower_than(pair: Pair, part: float) -> bool:
    """Whether the candidate is proven slower, and by more than this part of the baseline's speed."""
    return pair.verdict == "slower" and pair.difference is not None and pair.difference.ratio < 1 - part


def first(compared: Sequence[Pair], count: int) -> list[Pair]:
    """So many rows at most, those with a difference first, then in their order."""
    if len(compared) <= count:
        return list(compared)
    return sorted(compared, key=lambda pair: pair.verdict not in ("faster", "slower"))[:count]


def several_machines(compared: Iterable[Pair]) -> bool:
    """Whether rows must be named by machine."""
    return len({side.machine for pair in compared for side in (pair.baseline, pair.candidate) if side.machine}) > 1


def machine_name(pair: Pair) -> str:
    """`b`, or `b over a` where the baseline is of another one."""
    before, after = pair.baseline.machine, pair.candidate.machine
    return f"{after} over {before}" if before and after and before != after else after or before


MAX_REASONS = 20
"""Sentences of one kind under a table."""

MAX_NAMED = 4
"""Rows in one sentence."""


def sentences(compared: Sequence[Pair]) -> list[str]:
    """What may explain the differences, rows with the same reasons together; then why rows cannot be compared."""
    differing = _by_reason(pair for pair in compared if pair.verdict in ("faster", "slower"))
    obstacles = _by_reason(pair for pair in compared if pair.verdict is None)
    several = several_machines(compared)
    told = [f"{_names(rows, several)} ({rows[0].verdict}): {reason}." for reason, rows in differing[:MAX_REASONS]]
    told += [f"{_names(rows, several)} cannot be compared: {reason}." for reason, rows in obstacles[:MAX_REASONS]]
    if disturbed := [pair for pair in compared if pair.verdict and pair.disturbed]:
        told.append(
            f"Something disturbed the measurement of {counted(len(disturbed), 'row')}, and sessions under load lie far "
            "apart: their intervals are that wide. Measure again when nothing else runs."
        )
    left_out = max(0, len(differing) - MAX_REASONS) + max(0, len(obstacles) - MAX_REASONS)
    return [*told, f"{counted(left_out, 'more reason')}: --json has them all."] if left_out else told


def _by_reason(compared: Iterable[Pair]) -> list[tuple[str, list[Pair]]]:
    reasons: dict[tuple[Verdict | None, str], list[Pair]] = {}
    for pair in compared:
        reasons.setdefault((pair.verdict, why(pair) if pair.verdict else pair.detail), []).append(pair)
    return [(reason, rows) for (_, reason), rows in reasons.items()]


def name(pair: Pair, *, with_machine: bool) -> str:
    """A row in a sentence."""
    trial = pair.trial
    words = f"{row_words(trial)}, {group_words(trial, name_benchmark=False)}"
    return f"{machine_name(pair)}: {words}" if with_machine else words


def _names(rows: Sequence[Pair], several: bool) -> str:
    names = [name(pair, with_machine=several) for pair in rows]
    more = f" and {len(names) - MAX_NAMED:,} more" if len(names) > MAX_NAMED else ""
    return f"{'; '.join(names[:MAX_NAMED])}{more}"


def short_names(compared: Sequence[Pair], *, with_machine: bool) -> list[str]:
    """The stack of each row, and of its other words those that are not the same for all."""
    every = [
        (
            trial.benchmark,
            trial.dtype,
            trial.place,
            trial.size.words,
            "" if trial.threads is None else counted(trial.threads, "thread"),
        )
        for trial in (pair.trial for pair in compared)
    ]
    differing = [len(set(column)) > 1 for column in zip(*every, strict=True)]
    names = []
    for pair, words in zip(compared, every, strict=True):
        machine = [machine_name(pair)] if with_machine else []
        chosen = [word for word, differs in zip(words, differing, strict=True) if differs and word]
        names.append(", ".join([*machine, row_words(pair.trial), *chosen]))
    return names
