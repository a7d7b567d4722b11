"""A report -> a table in Markdown, to be pasted into an issue. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from mambench.analysis.answer import speed
from mambench.analysis.rows import fastest, gflops, has_number, in_order, row_name, size, source
from mambench.analysis.words import sentence
from mambench.model import Report, Result
from mambench.report.cells import check_words
from mambench.report.headline import headline

COLUMNS = ("Stack", "Source", "Device", "dtype", "n", "GFLOPS", "95 % interval", "Best", "Relative", "Check")
RIGHT = {"n", "GFLOPS", "95 % interval", "Best", "Relative"}
LONGEST = 300


def dumps(report: Report) -> str:
    """The answer, the table, and what is to be known about its rows."""
    results = in_order(report.results)
    best = fastest(results)
    rule = ["---:" if name in RIGHT else ":---" for name in COLUMNS]
    rows = [_cells(row, best.get(row.trial.group)) for row in results]
    lines = [escaped(headline(report)), "", _line(COLUMNS), _line(rule), *map(_line, rows), ""]
    lines += [f"- {escaped(note)}" for note in dict.fromkeys(_notes(results))]
    cpu = report.machine.cpu
    told = f"{cpu.model}, {cpu.usable_cores} usable cores, {report.machine.os}; mambench {report.mambench}"
    return "\n".join([*lines, "", f"{escaped(told)}, {report.created}"]) + "\n"


def _cells(row: Result, best: Result | None) -> list[str]:
    trial, number = row.trial, row.gflops if has_number(row) else None
    interval = f"{gflops(number.low)} .. {gflops(number.high)}" if number and number.low and number.high else "-"
    numbers = [gflops(number.median), interval, gflops(number.best)] if number else ["-", "-", "-"]
    relative = f"{speed(row) / speed(best):.2f}" if number and best and row.verified else "-"
    words = [row_name(trial), source(trial), trial.place, trial.dtype, size(trial)]
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
