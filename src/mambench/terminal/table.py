"""The table of results, and what is said under it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.box import ASCII, SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from mambench.analysis.words import counted, percent, sentence
from mambench.model import Report, Result, RowWarning, Trial

NARROW = 100
"""Below so many columns the table leaves out what is the same in every row."""


def results_table(results: Sequence[Result], console: Console) -> tuple[str, Table]:
    """One row for each trial, fastest first within each device, size, dtype and number of threads.

    On a narrow terminal a column that holds the same in every row stands in the line before the table instead.
    """
    best = fastest(results)
    rows = [_cells(result, console, fastest=best.get(result.trial.group) is result) for result in in_order(results)]
    narrow = console.width < NARROW
    columns = list(zip(COLUMNS, zip(*rows, strict=True), strict=True))
    if len({result.trial.benchmark for result in results}) == 1:
        columns = columns[1:]
    common = [
        (name, cells[0].plain)
        for (name, may_leave, _), cells in columns
        if narrow and may_leave and len({cell.plain for cell in cells}) == 1
    ]
    table = Table(box=box(console), show_edge=False, pad_edge=False, padding=(0, 1, 0, 0) if narrow else (0, 1))
    shown = [(name, justify, cells) for (name, _, justify), cells in columns if (name, cells[0].plain) not in common]
    for name, justify, _ in shown:
        table.add_column(name, justify=justify, no_wrap=name != "check")
    for row in zip(*(cells for _, _, cells in shown), strict=True):
        table.add_row(*row)
    return ", ".join(f"{name} {value}" for name, value in common if value != "-"), table


COLUMNS: tuple[tuple[str, bool, JustifyMethod], ...] = (
    ("benchmark", False, "left"),
    ("stack", False, "left"),
    ("source", True, "left"),
    ("device", True, "left"),
    ("dtype", True, "left"),
    ("n", True, "right"),
    ("GFLOPS", False, "right"),
    ("95 % interval", True, "right"),
    ("best", False, "right"),
    ("check", False, "left"),
)
"""Name, whether it may be left out when it is the same in every row, and how it is set."""


def _cells(result: Result, console: Console, *, fastest: bool) -> list[Text]:
    trial = result.trial
    cells = [trial.benchmark, row_name(trial), source(trial), str(trial.device), trial.dtype, size(trial)]
    if result.gflops is None or result.failure is not None:
        words = result.failure.reason.replace("_", " ") if result.failure is not None else result.status
        style = "red" if result.status == "failed" else "dim"
        return [Text(cell, style="dim") for cell in cells] + [Text("-", style="dim")] * 3 + [Text(words, style=style)]
    low, high = result.gflops.low, result.gflops.high
    interval = f"{gflops(low)} .. {gflops(high)}" if low is not None and high is not None else "-"
    good = "ok" if console.options.ascii_only else "✓"
    style = "bold green" if fastest else ""
    return [
        Text(cells[0]),
        Text(cells[1], style=style),
        *(Text(cell) for cell in cells[2:]),
        Text(gflops(result.gflops.median), style=style or "bold"),
        Text(interval),
        Text(gflops(result.gflops.best)),
        Text(good, style="green") if result.verified else Text("not checked", style="yellow"),
    ]


def gflops(value: float) -> str:
    """Four significant digits or so: 81.27, 812.7, 8,127."""
    if value < 100:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def failure_words(result: Result) -> str:
    """`failed: wrong result`."""
    assert result.failure is not None
    return f"{result.status}: {result.failure.reason.replace('_', ' ')}"


def source(trial: Trial) -> str:
    """`conda`, `pypi`, `existing`; a dash before the stack is made."""
    return trial.stack.source or "-"


def row_name(trial: Trial) -> str:
    """The stack and the number of threads that was asked for."""
    return trial.stack_name if trial.threads is None else f"{trial.stack_name} ({counted(trial.threads, 'thread')})"


def explanations(report: Report, *, home: Path) -> list[Text]:
    """Failures, unavailable rows and warnings: each cause once, with the stacks that it struck."""
    lines: list[Text] = []
    failures: dict[tuple[str, str], list[str]] = {}
    logs: dict[tuple[str, str], str | None] = {}
    for result in report.results:
        if result.failure is not None:
            key = (failure_words(result), result.failure.message)
            failures.setdefault(key, []).append(result.trial.stack_name)
            logs.setdefault(key, result.failure.log if result.status == "failed" else None)
    for (words, message), names in failures.items():
        style = "red" if words.startswith("failed") else "yellow"
        lines.append(Text.assemble((f"{', '.join(dict.fromkeys(names))}: {words}: ", style), message))
        if log := logs[words, message]:
            lines.append(Text(f"  log: {home / log}", style="dim", no_wrap=True, overflow="ignore"))
    for warning, struck in _warnings(report.results).items():
        names = [f"{name} {_range(shares)}".rstrip() for name, shares in struck.items()]
        lines.append(Text.assemble((f"{', '.join(names)}: ", "yellow"), sentence(warning)))
    lines += [Text(warning, style="yellow") for warning in report.warnings]
    return lines


def _warnings(results: Iterable[Result]) -> dict[RowWarning, dict[str, list[float]]]:
    """What was warned of, its number aside; for each stack that it struck the numbers of its rows."""
    grouped: dict[RowWarning, dict[str, list[float]]] = {}
    for result in results:
        for warning in result.warnings:
            struck = grouped.setdefault(replace(warning, percent=None), {})
            shares = struck.setdefault(result.trial.stack_name, [])
            shares += [] if warning.percent is None else [warning.percent]
    return grouped


def _range(shares: Sequence[float]) -> str:
    """`12 %`, or `12 to 31 %` for a stack of several rows; empty without a number."""
    if not shares:
        return ""
    low, high = percent(min(shares)), percent(max(shares))
    return high if low == high else f"{low.removesuffix(' %')} to {high}"


def size(trial: Trial) -> str:
    """`512` for a square product, else `64x128x256`."""
    return str(trial.n) if trial.m == trial.n == trial.k else f"{trial.m}x{trial.n}x{trial.k}"


def in_order(results: Iterable[Result]) -> list[Result]:
    """As in the table: fastest first within each device, size, dtype and number of threads."""
    return sorted(results, key=_order)


def _order(result: Result) -> tuple[Any, ...]:
    trial = result.trial
    dtypes = ("float64", "float32", "tf32", "bfloat16", "float16")
    position = trial.benchmark, trial.device, trial.n, trial.m, trial.k, dtypes.index(trial.dtype), trial.threads or 0
    return *position, -speed(result), str(trial.stack)


def speed(result: Result) -> float:
    """In GFLOPS; 0 without a number, which comes last in the table."""
    return result.gflops.median if result.gflops is not None else 0.0


def fastest(results: Iterable[Result]) -> dict[tuple[object, ...], Result]:
    """The fastest verified result of each group of trials."""
    best: dict[tuple[object, ...], Result] = {}
    for result in in_order(results):
        if result.verified:
            best.setdefault(result.trial.group, result)
    return best


def box(console: Console) -> Any:
    return ASCII if console.options.ascii_only else SIMPLE_HEAD


def megabytes(size: int) -> str:
    """`412 MB`, `2.3 GB`."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"
