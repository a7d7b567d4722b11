"""The table of results, and what is said under it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import ASCII, SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from mambench.model import (
    Report,
    Result,
)

NARROW = 100
"""Below so many columns the table leaves out what is the same in every row."""


def results_table(results: Sequence[Result], console: Console) -> tuple[str, Table]:
    """One row for each trial, fastest first within each device, size and dtype.

    On a narrow terminal a column that holds the same in every row stands in the line before the table instead.
    """
    best = fastest(results)
    rows = [_cells(result, console, fastest=best.get(group_of(result)) is result) for result in in_order(results)]
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
    name, source = stack_and_source(result)
    threads = "" if trial.threads is None else f" ({trial.threads} threads)"
    cells = [trial.benchmark, name + threads, source, trial.device, trial.dtype, size(result)]
    if result.gflops is None or result.failure is not None:
        words = result.failure.reason.replace("_", " ") if result.failure is not None else result.status
        style = "red" if result.status == "failed" else "dim"
        return [Text(cell, style="dim") for cell in cells] + [Text("-", style="dim")] * 3 + [Text(words, style=style)]
    low, high = result.gflops.low, result.gflops.high
    interval = f"{gflops(low)} .. {gflops(high)}" if low is not None and high is not None else "-"
    mark = "ok" if console.options.ascii_only else "✓"
    style = "bold green" if fastest else ""
    return [
        Text(cells[0]),
        Text(cells[1], style=style),
        *(Text(cell) for cell in cells[2:]),
        Text(gflops(result.gflops.median), style=style or "bold"),
        Text(interval),
        Text(gflops(result.gflops.best)),
        Text(mark, style="green"),
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


def stack_and_source(result: Result) -> tuple[str, str]:
    """`numpy-mkl@conda` -> numpy-mkl, conda; an existing python with the framework used in it."""
    environment = result.trial.environment
    if environment.startswith("existing:"):
        return f"{environment} ({result.trial.framework})", "existing"
    name, _, source = environment.partition("@")
    return name, source or "-"


def explanations(report: Report) -> list[Text]:
    """Failures, unavailable rows and warnings: each cause once, with the stacks that it struck."""
    lines: list[Text] = []
    failures: dict[tuple[str, str], list[str]] = {}
    logs: dict[tuple[str, str], str | None] = {}
    warnings: dict[str, tuple[str, list[str]]] = {}
    for result in report.results:
        name, _ = stack_and_source(result)
        if result.failure is not None:
            key = (failure_words(result), result.failure.message)
            failures.setdefault(key, []).append(name)
            logs.setdefault(key, result.failure.log if result.status == "failed" else None)
        for warning in result.warnings:
            kind = re.sub(r"[0-9.]+", "#", warning)
            worst, names = warnings.get(kind, (warning, []))
            warnings[kind] = (max(worst, warning, key=_numbers), [*names, name])
    for (words, message), names in failures.items():
        style = "red" if words.startswith("failed") else "yellow"
        lines.append(Text.assemble((f"{_listed(names)}: {words}: ", style), message))
        if log := logs[words, message]:
            lines.append(Text(f"  log: {log}", style="dim", no_wrap=True, overflow="ignore"))
    for warning, names in warnings.values():
        lines.append(Text.assemble((f"{_listed(names)}: ", "yellow"), warning))
    lines += [Text(warning, style="yellow") for warning in report.warnings]
    return lines


def _listed(names: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(names))


def _numbers(text: str) -> list[float]:
    return [float(number) for number in re.findall(r"[0-9]+(?:\.[0-9]+)?", text)]


def size(result: Result) -> str:
    trial = result.trial
    return str(trial.n) if trial.m == trial.n == trial.k else f"{trial.m}x{trial.n}x{trial.k}"


def in_order(results: Iterable[Result]) -> list[Result]:
    """As in the table: fastest first within each device, size and dtype."""
    return sorted(results, key=_order)


def group_of(result: Result) -> tuple[Any, ...]:
    """What results must share to be compared."""
    trial = result.trial
    return trial.benchmark, trial.device, trial.dtype, trial.m, trial.n, trial.k


def _order(result: Result) -> tuple[Any, ...]:
    trial = result.trial
    dtypes = ("float64", "float32", "tf32", "bfloat16", "float16")
    speed = result.gflops.median if result.gflops is not None else 0.0
    return trial.benchmark, trial.device, trial.n, dtypes.index(trial.dtype), -speed, trial.environment


def fastest(results: Sequence[Result]) -> dict[tuple[Any, ...], Result]:
    """The fastest result of each group."""
    best: dict[tuple[Any, ...], Result] = {}
    for result in results:
        if result.gflops is None or result.failure is not None:
            continue
        other = best.get(group_of(result))
        if other is None or other.gflops is None or result.gflops.median > other.gflops.median:
            best[group_of(result)] = result
    return best


def box(console: Console) -> Any:
    return ASCII if console.options.ascii_only else SIMPLE_HEAD


def megabytes(size: int) -> str:
    """`412 MB`, `2.3 GB`."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"
