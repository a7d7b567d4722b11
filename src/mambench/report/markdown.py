"""A report -> a table in Markdown, to be pasted into an issue. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mambench.analysis.answer import speed
from mambench.analysis.rows import by_benchmark, fastest, figure, has_number, row_name, source
from mambench.analysis.summary import BY_ITSELF, SCORE, TITLES, Summary, SummaryOptions, summary
from mambench.analysis.words import sentence
from mambench.model import Report, Result
from mambench.report.cells import check_words
from mambench.report.headline import headline

COLUMNS = ("Stack", "Source", "Device", "dtype", "Size", "UNIT", "95 % interval", "Best", "Relative", "Check")
"""Of each benchmark's table; its unit stands in the place of UNIT."""

RIGHT = {"Size", "UNIT", "95 % interval", "Best", "Relative"}
LONGEST = 300


def dumps(report: Report, across: SummaryOptions = BY_ITSELF) -> str:
    """The answer, a table for each benchmark, the summary across them, and what is to be known about its rows."""
    titles = {each.name: each.title for each in report.benchmarks}
    tables = list(by_benchmark(report.results))
    lines = [escaped(headline(report)), ""]
    for name, results in tables:
        if len(tables) > 1:
            lines += [f"### {escaped(titles.get(name, name))}", ""]
        lines += [*_table(results), ""]
    if (seen := summary(report, across)) is not None:
        lines += [*_summary(seen), ""]
    notes = dict.fromkeys(note for _, results in tables for note in _notes(results))
    lines += [f"- {escaped(note)}" for note in notes]
    cpu = report.machine.cpu
    told = f"{cpu.model}, {cpu.usable_cores} usable cores, {report.machine.os}; mambench {report.mambench}"
    return "\n".join([*lines, "", f"{escaped(told)}, {report.created}"]) + "\n"


def _table(results: Sequence[Result]) -> Iterable[str]:
    best, unit = fastest(results), escaped(results[0].trial.unit)
    yield _line([unit if name == "UNIT" else name for name in COLUMNS])
    yield _line(["---:" if name in RIGHT else ":---" for name in COLUMNS])
    for row in results:
        yield _line(_cells(row, best.get(row.trial.group)))


def _summary(seen: Summary) -> Iterable[str]:
    if seen.lines:
        yield f"### {escaped(seen.heading)}"
        yield ""
        yield _line([*TITLES, *map(escaped, seen.stacks)])
        yield _line([*[":---"] * len(TITLES), *["---:"] * len(seen.stacks)])
        for line in seen.lines:
            yield _line([escaped(cell) for cell in (*line.titles, *(each.text for each in line.cells))])
        if seen.scores:
            blank = [""] * (len(TITLES) - 1)
            yield _line([SCORE, *blank, *(escaped(each.text) for each in seen.scores)])
        yield ""
    yield from (f"- {escaped(text)}" for text in seen.sentences)


def _cells(row: Result, best: Result | None) -> list[str]:
    trial, number = row.trial, row.rate if has_number(row) else None
    interval = f"{figure(number.low)} .. {figure(number.high)}" if number and number.low and number.high else "-"
    numbers = [figure(number.median), interval, figure(number.best)] if number else ["-", "-", "-"]
    relative = f"{speed(row) / speed(best):.2f}" if number and best and row.verified else "-"
    words = [row_name(trial), source(trial), trial.place, trial.dtype, trial.size.label]
    return [escaped(cell) for cell in (*words, *numbers, relative, check_words(row))]


def _notes(results: Iterable[Result]) -> Iterable[str]:
    for row in results:
        if row.failure is not None:
            yield f"{row_name(row.trial)}: {row.failure.message}"
        for warning in row.warnings:
            yield f"{row_name(row.trial)}, {row.trial.dtype}: {sentence(warning)}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """On one line, and nothing in it is Markdown or HTML."""
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
    return re.sub(r"([\\`*_\[\]|<>#~])", r"\\\1", text) if text else "-"
