"""Which stack is fastest, in one line for each group of rows that differ in their stack only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations
from statistics import fmean

from mambench.analysis.compare import Comparison, compare, log_medians
from mambench.analysis.intervals import LEVEL, MIN_ROUNDS
from mambench.analysis.warnings import MAX_OTHER_CPU_PERCENT, largest
from mambench.analysis.words import counted
from mambench.model import Result, Trial

Group = tuple[object, ...]


def verdicts(results: Iterable[Result], *, level: float = 1 - LEVEL) -> tuple[str, ...]:
    """One plain line for each group of rows that differ in their stack only, where something can be said.

    Two claims, each made in a way that having picked the fastest after the fact does not spoil:

    - "fastest is A" needs A to beat *every* other row. All those tests have to succeed, so within a group none needs a
      correction, and the worst case is two equal rows: Gutmann and Maymin, "Is the selected population the
      best?", Annals of Statistics 15 (1987). A report of several groups makes several such claims: Holm over groups.
    - "C is slower than A", when A ties with another row, is one of many pairs that could have been picked:
      Holm over all pairs of the group, at a level that the groups without a fastest row share.

    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Statistics 6 (1979).
    """
    groups = _groups(results)
    several = len({key[0] for key in groups}) > 1
    leading, rest = _leading(groups, level)
    lines = (
        (_line(rows, leads=key in leading, level=rest, name_benchmark=several), rows) for key, rows in groups.items()
    )
    return tuple(line + _caveat(rows) for line, rows in lines if line is not None)


def proven_fastest(results: Iterable[Result], *, level: float = 1 - LEVEL) -> list[Result]:
    """The rows that a verdict calls fastest: a higher median alone proves nothing."""
    groups = _groups(results)
    return [groups[key][0] for key in _leading(groups, level)[0]]


def undecided(results: Iterable[Result], *, level: float) -> int:
    """Groups of several rows none of which is proven the fastest."""
    groups = _groups(results)
    return sum(len(rows) > 1 for rows in groups.values()) - len(_leading(groups, level)[0])


def _groups(results: Iterable[Result]) -> dict[Group, list[Result]]:
    """Rows that can be compared, by what they share, the fastest first."""
    groups: dict[Group, list[Result]] = {}
    for result in results:
        if result.verified and len(result.rounds) >= MIN_ROUNDS:
            groups.setdefault(result.trial.group, []).append(result)
    return {key: sorted(rows, key=lambda row: fmean(log_medians(row).values())) for key, rows in groups.items()}


def _leading(groups: Mapping[Group, Sequence[Result]], level: float) -> tuple[set[Group], float]:
    """The groups whose first row is proven the fastest, and the level of a test in any other group."""
    tests = sorted(
        (_chance(rows), position, key) for position, (key, rows) in enumerate(groups.items()) if len(rows) > 1
    )
    leading: set[Group] = set()
    for chance, _, key in tests:
        if chance >= level / (len(tests) - len(leading)):
            break
        leading.add(key)
    return leading, level / max(1, len(tests) - len(leading))


def _chance(rows: Sequence[Result]) -> float:
    """The p-value of "the first is the fastest": the largest of its comparisons, 1 where one of them is a tie."""
    against = [compare(rows[0], row) for row in rows[1:]]
    return max(each.p_value if each.p_value is not None and each.verdict == "faster" else 1.0 for each in against)


def _caveat(rows: Iterable[Result]) -> str:
    """What a reader of the verdict alone must know."""
    other = max(largest(row.rounds, "other_cpu_percent") for row in rows)
    return " (other programs used the CPU meanwhile)" if other > MAX_OTHER_CPU_PERCENT else ""


def _line(ranked: Sequence[Result], *, leads: bool, level: float, name_benchmark: bool) -> str | None:
    if len(ranked) < 2:
        return None
    best, others = ranked[0], ranked[1:]
    against = [compare(best, row) for row in others]
    if any(comparison.verdict is None for comparison in against):
        return None
    where = group_words(best.trial, name_benchmark=name_benchmark)
    if leads:
        return f"{where}: fastest here is {row_words(best.trial)}, {_times(against[0], others[0])}"
    beaten = _beaten_after_correction(ranked, level)
    ties = [best, *(row for position, row in enumerate(others, start=1) if position not in beaten)]
    names = listed(row_words(row.trial) for row in ties)
    tied = f"{where}: no difference that this measurement can see between {names}"
    slower = [_times(against[position - 1], ranked[position]) for position in sorted(beaten)]
    return tied if not slower else f"{tied}; {row_words(best.trial)} is {listed(slower)}"


def _beaten_after_correction(ranked: Sequence[Result], level: float) -> set[int]:
    """Positions in `ranked` that are slower than its first, with Holm's correction over all pairs."""
    comparisons = {(i, j): compare(ranked[i], ranked[j]) for i, j in combinations(range(len(ranked)), 2)}
    tests = sorted(
        (comparison.p_value, pair) for pair, comparison in comparisons.items() if comparison.p_value is not None
    )
    beaten = set()
    for done, (p_value, (i, j)) in enumerate(tests):
        if p_value >= level / (len(comparisons) - done):
            break
        if i == 0 and comparisons[i, j].verdict == "faster":
            beaten.add(j)
    return beaten


def row_words(trial: Trial) -> str:
    """With its source: where packages come from may be all the difference."""
    return trial.stack_name if trial.stack.source == "existing" else str(trial.stack)


def several_benchmarks(results: Iterable[Result]) -> bool:
    """Whether a sentence or a picture has to say of which benchmark it is."""
    return len({result.trial.benchmark for result in results}) > 1


def group_words(trial: Trial, *, name_benchmark: bool) -> str:
    """What rows of one group share: `float64 on cpu:0, n = 512`."""
    size = trial.size.words
    threads = "" if trial.threads is None else f", {counted(trial.threads, 'thread')}"
    benchmark = f"{trial.benchmark} " if name_benchmark else ""
    return f"{benchmark}{trial.dtype} on {trial.place}, {size}{threads}"


def _times(comparison: Comparison, other: Result) -> str:
    return f"{comparison.ratio:.2f} times {row_words(other.trial)}"


def listed(names: Iterable[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
