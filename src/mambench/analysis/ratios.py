"""Speeds over a baseline's, which of them are proven, and their geometric mean over groups of rows. Pure.

Ratios to one baseline are averaged geometrically, so that the order of scores does not depend on which stack is the
baseline: P. J. Fleming and J. J. Wallace, "How not to lie with statistics: the correct way to summarize benchmark
results", Communications of the ACM 29 (1986).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from mambench.analysis.answer import disturbed, speed
from mambench.analysis.compare import compare, log_medians, proven, verdict_of
from mambench.analysis.intervals import MIN_ROUNDS, exp, p_value
from mambench.analysis.rows import figure
from mambench.model import Result, Trial

MIN_MEMBERS = 2
"""Of a geometric mean: over a single group it would be that group's ratio under a grander name."""

Rows = dict[str, Result]
"""Of one group, by stack."""


@dataclass(frozen=True)
class Ratio:
    """A speed over the baseline's, as a cell; without a value, `words` say why."""

    value: float | None
    proven: bool = False
    """Whether the difference is, together with all others of the table."""
    disturbed: bool = False
    words: str = "-"
    is_baseline: bool = False

    @property
    def text(self) -> str:
        """`1.31x`, `?1.01x` where no difference is proven, `~1.31x` where something disturbed one of the two rows."""
        if self.value is None:
            return self.words
        number = figure(self.value) if self.value >= 0.1 else f"{self.value:.2g}"
        return f"{'~' if self.disturbed else ''}{'' if self.proven or self.is_baseline else '?'}{number}x"


def ratios_to(groups: Iterable[Rows], baseline: str, level: float) -> dict[Trial, Ratio]:
    """Of medians, as in the tables above; which differences are proven is found for all together, by Holm."""
    pairs = [(row, rows[baseline]) for rows in groups for row in rows.values() if row.verified]
    tests = [compare(row, base) for row, base in pairs if row is not base]
    holds = iter(zip(tests, proven([test.p_value for test in tests], level=level), strict=True))
    cells: dict[Trial, Ratio] = {}
    for row, base in pairs:
        noisy = disturbed(row) or disturbed(base)
        if row is base:
            cells[row.trial] = Ratio(1.0, disturbed=noisy, is_baseline=True)
            continue
        test, hold = next(holds)
        value = speed(row) / speed(base)
        cells[row.trial] = Ratio(value, _is_proven(value, test.ratio, hold=hold), noisy)
    return cells


def _is_proven(shown: float, tested: float | None, *, hold: bool) -> bool:
    """Whether the test holds, and says of the mean over rounds what the ratio of medians says to a reader."""
    if tested is None or not hold:
        return False
    return verdict_of(shown, proven=True) == verdict_of(tested, proven=True) != "same"


def geometric_mean(ratios: Sequence[float]) -> float:
    """Of two ratios or more. Raises ValueError for fewer."""
    if len(ratios) < MIN_MEMBERS:
        raise ValueError(f"a geometric mean needs {MIN_MEMBERS} ratios, not {len(ratios)}")
    return exp(fmean(map(math.log, ratios)))


def lacking(groups: Iterable[Rows], stack: str) -> list[Rows]:
    """The groups in which a stack has no verified number."""
    return [rows for rows in groups if stack not in rows or not rows[stack].verified]


def scores(groups: Sequence[Rows], stacks: Sequence[str], level: float) -> tuple[Ratio, ...]:
    """Over the same groups for every stack; one that lacks a group has none.

    Means over different groups cannot be compared, and if all were taken over what all have in common, a stack that
    fails where it is slow would raise its own.
    """
    baseline, *others = stacks
    full = [name for name in others if not lacking(groups, name)]
    if len(groups) < MIN_MEMBERS or not full:
        return ()
    rounds = {name: _rounds_of_score(groups, name, baseline) for name in full}
    tested = {name: values for name, values in rounds.items() if len(values) >= MIN_ROUNDS}
    holds = dict(zip(tested, proven([p_value(values) for values in tested.values()], level=level), strict=True))
    cells = [Ratio(1.0, disturbed=any(disturbed(rows[baseline]) for rows in groups), is_baseline=True)]
    for name in others:
        if name not in rounds:
            cells.append(Ratio(None))
            continue
        value = geometric_mean([speed(rows[name]) / speed(rows[baseline]) for rows in groups])
        mean = exp(fmean(tested[name])) if name in tested else None
        noisy = any(disturbed(rows[name]) or disturbed(rows[baseline]) for rows in groups)
        cells.append(Ratio(value, _is_proven(value, mean, hold=holds.get(name, False)), noisy))
    return tuple(cells)


def _rounds_of_score(groups: Iterable[Rows], stack: str, baseline: str) -> list[float]:
    """The logarithm of the score of each round that both stacks have in every group: the round is the unit."""
    logs = [(log_medians(rows[stack]), log_medians(rows[baseline])) for rows in groups]
    common = set.intersection(*(ours.keys() & theirs.keys() for ours, theirs in logs))
    return [fmean(theirs[index] - ours[index] for ours, theirs in logs) for index in sorted(common)]
