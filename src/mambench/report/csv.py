"""Reports -> CSV: a line for each row, or for each sample, with units in the header. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from mambench.analysis.summary import BY_ITSELF, SummaryOptions, summary
from mambench.analysis.words import sentence
from mambench.model import Report, Result, Statistic

Cell = str | int | float | None

TRIAL = ("report", "machine", "created_utc", "benchmark", "stack", "source", "framework", "device", "dtype",
         "size", "threads_requested")  # fmt: skip
ROWS = (*TRIAL, "status", "verified", "unit", "rate_median", "rate_low_95", "rate_high_95", "rate_best",
        "seconds_median", "seconds_low_95", "seconds_high_95", "seconds_best", "spread_iqr_over_median", "rounds",
        "reason", "message", "warnings", "baseline", "ratio_to_baseline", "difference_proven")  # fmt: skip
SAMPLES = (*TRIAL, "round", "started_utc", "phase", "index", "at_seconds", "seconds", "loops", "unit", "rate")


def dumps(reports: Sequence[Report], across: SummaryOptions = BY_ITSELF) -> str:
    """A line for each row of each report; the last columns are empty where there is no summary across benchmarks."""
    return table(ROWS, (line for report in reports for line in _rows(report, across)))


def dumps_samples(reports: Sequence[Report]) -> str:
    """A line for each warmup and each sample; a warmup has no `at_seconds`."""
    return table(SAMPLES, (line for report in reports for row in report.results for line in _samples(report, row)))


def table(header: Sequence[str], lines: Iterable[Sequence[Cell]]) -> str:
    """A header and its lines, none of which is a formula for a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_safe(cell) for cell in line] for line in lines)
    return text.getvalue()


def _safe(cell: Cell) -> Cell:
    """A text is no formula for a spreadsheet: OWASP, "CSV Injection"."""
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def _trial(report: Report, row: Result) -> tuple[Cell, ...]:
    trial, machine = row.trial, report.machine.hostname
    where = report.run_id, machine, report.created, trial.benchmark, trial.stack.name, trial.stack.source
    return *where, trial.framework, trial.place, trial.dtype, trial.size.name, trial.threads


def _rows(report: Report, across: SummaryOptions) -> Iterator[Sequence[Cell]]:
    seen = summary(report, across)
    for row in report.results:
        ratio = None if seen is None else seen.ratios.get(row.trial)
        told: Sequence[Cell] = (None, None, None)
        if seen is not None and ratio is not None:
            told = (seen.baseline, ratio.value, None if ratio.is_baseline else "yes" if ratio.proven else "no")
        yield *_row(report, row), *told


def _row(report: Report, row: Result) -> tuple[Cell, ...]:
    failure = row.failure
    return (
        *_trial(report, row),
        row.status,
        "yes" if row.verified else "no",
        row.trial.unit,
        *_statistic(row.rate),
        *_statistic(row.seconds),
        row.spread,
        len(row.rounds),
        failure.reason if failure else None,
        failure.message if failure else None,
        "; ".join(sentence(warning) for warning in row.warnings),
    )


def _statistic(number: Statistic | None) -> tuple[Cell, ...]:
    return (None,) * 4 if number is None else (number.median, number.low, number.high, number.best)


def _samples(report: Report, row: Result) -> Iterator[tuple[Cell, ...]]:
    trial, unit, work = _trial(report, row), row.trial.unit, row.trial.work
    for each in row.rounds:
        where = (*trial, each.index + 1, each.started)
        for index, seconds in enumerate(each.warmup_seconds):
            yield *where, "warmup", index, None, seconds, 1, unit, work / seconds if seconds > 0 else None
        for index, sample in enumerate(each.samples):
            seconds, loops = sample.seconds, sample.loops
            yield *where, "run", index, sample.at_seconds, seconds, loops, unit, work / sample.run_seconds
