"""The answer in one sentence that a buyer understands. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from mambench.analysis.answer import disturbed, speed
from mambench.analysis.compare import compare
from mambench.analysis.intervals import MIN_ROUNDS
from mambench.analysis.rows import DTYPE_ORDER, figure, has_number, in_order
from mambench.analysis.verdicts import row_words, several_benchmarks
from mambench.analysis.words import counted
from mambench.model import Report, Result


def headline(report: Report) -> str:
    """What is fastest here, by how much, and whether to believe it: of the group of rows that has the most rows."""
    rows = _main_group(row for row in report.results if has_number(row) and row.verified)
    if not rows:
        return "On this computer nothing could be measured." if report.results else "This report holds no rows."
    best, *others = sorted(rows, key=speed, reverse=True)
    trial = best.trial
    what = f"{trial.benchmark}, " if several_benchmarks(report.results) else ""
    threads = "" if trial.threads is None else f", {counted(trial.threads, 'thread')}"
    number = f"{figure(speed(best))} {trial.unit} in {trial.dtype} on {trial.place} ({what}{trial.size.words}{threads})"
    if not others:
        return f"On this computer {row_words(best.trial)} reaches {number}{_doubt([best])}."
    return f"{_compared(best, others, number)}{_doubt([best, others[0]])}."


def _main_group(rows: Iterable[Result]) -> list[Result]:
    groups: dict[tuple[object, ...], list[Result]] = {}
    for row in in_order(rows):
        groups.setdefault(row.trial.group, []).append(row)
    return max(groups.values(), key=_importance, default=[])


def _importance(rows: Sequence[Result]) -> tuple[int, int, float, float]:
    trial = rows[0].trial
    return len(rows), -DTYPE_ORDER.index(trial.dtype), trial.work, max(map(speed, rows))


def _compared(best: Result, others: Sequence[Result], number: str) -> str:
    name, second = row_words(best.trial), row_words(others[0].trial)
    times = f"{speed(best) / speed(others[0]):.2f} times {second}"
    against = [compare(best, other) for other in others]
    if any(each.verdict is None for each in against):
        few = counted(min(len(row.rounds) for row in (best, *others)), "round")
        return (
            f"On this computer {name} was the fastest this time: {number}, {times}; "
            f"{few} cannot tell whether the difference is real ({MIN_ROUNDS} can)"
        )
    if all(each.verdict == "faster" for each in against):
        return f"On this computer {name} is the fastest: {number}, {times}; the difference is real"
    tied = [row_words(other.trial) for other, each in zip(others, against, strict=True) if each.verdict != "faster"]
    return (
        f"On this computer {name} reaches {number}; between it and {' or '.join(tied[:3])}"
        f"{' or others' if len(tied) > 3 else ''} this measurement can see no difference"
    )


def _doubt(rows: Sequence[Result]) -> str:
    return ". Do not rely on it yet: something disturbed the measurement" if any(map(disturbed, rows)) else ""
