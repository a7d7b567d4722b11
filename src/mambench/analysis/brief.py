"""A report in one line, for the output of many computers at once. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mambench.analysis.answer import disturbed, speed
from mambench.analysis.rows import failure_words, row_name, with_unit
from mambench.analysis.verdicts import group_words
from mambench.analysis.words import counted
from mambench.model import Reason, Report, Result, Trial


def brief(report: Report) -> str:
    """What was wrong first, then how many rows are ok, and the fastest of them."""
    ok = [result for result in report.results if result.status == "ok"]
    parts = [*_wrong(report.results), *_counts(ok, report.results), *_fastest(ok)]
    if not report.complete:
        parts.append("stopped before the end")
    return "; ".join(parts) or "nothing was measured"


def _wrong(results: Sequence[Result]) -> Iterator[str]:
    """A wrong product is what an administrator must not miss."""
    others: dict[str, int] = {}
    for result in results:
        if result.failure is None:
            continue
        if result.failure.reason == Reason.WRONG_RESULT:
            yield f"WRONG RESULT: {_row(result.trial)}: {result.failure.message}"
        else:
            text = f"{failure_words(result)}: {result.failure.message}"
            others[text] = others.get(text, 0) + 1
    yield from (text if rows == 1 else f"{text} ({rows} rows)" for text, rows in others.items())


def _counts(ok: Sequence[Result], results: Sequence[Result]) -> Iterator[str]:
    unchecked = sum(not result.verified for result in ok)
    noisy = sum(disturbed(result) for result in ok)
    if ok:
        rows = counted(len(ok), "row") if len(ok) == len(results) else f"{len(ok)} of {counted(len(results), 'row')}"
        checked = "verified" if not unchecked else f"{unchecked} not checked"
        yield f"{rows} ok, {checked}{f', {noisy} disturbed' if noisy else ''}"


def _fastest(ok: Sequence[Result]) -> Iterator[str]:
    best = max(ok, key=lambda result: (result.trial.size.rate_is_gflops, speed(result)), default=None)
    if best is not None and best.rate is not None:
        yield f"{'fastest ' if len(ok) > 1 else ''}{_row(best.trial)}: {with_unit(best.rate.median, best.trial)}"


def _row(trial: Trial) -> str:
    return f"{row_name(trial)}, {group_words(trial, name_benchmark=True)}"
