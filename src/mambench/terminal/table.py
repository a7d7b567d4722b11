"""The table of results, and what is said under it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.box import ASCII, SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from mambench.analysis.answer import disturbed, speed
from mambench.analysis.peak import peak
from mambench.analysis.rows import (
    by_benchmark,
    failure_words,
    fastest,
    figure,
    has_number,
    row_name,
    source,
)
from mambench.analysis.sequential import level_of
from mambench.analysis.verdicts import proven_fastest
from mambench.analysis.words import percent, sentence
from mambench.model import Machine, Report, Result, RowWarning, Trial

UNNEEDED = ("best", "source", "95 % interval", "device", "size")
"""Columns that a narrow terminal does without, the least needed first; the report's file has them all."""


@dataclass(frozen=True)
class Column:
    """A column with its cells; `common` may stand before the table when it is the same in every row."""

    name: str
    common: bool
    justify: JustifyMethod
    cells: tuple[Text, ...]

    @property
    def width(self) -> int:
        return max(len(self.name), *(cell.cell_len for cell in self.cells))

    @property
    def may_go(self) -> bool:
        """Whether it can stand before the table."""
        return self.common and self.says_one_thing

    @property
    def says_one_thing(self) -> bool:
        return len({cell.plain for cell in self.cells}) == 1


def results_tables(report: Report, console: Console) -> Iterator[tuple[str, Table]]:
    """A table for each benchmark, with a line to stand before it.

    One row for each trial, fastest first within each device, size, dtype and number of threads. Where the terminal is
    too narrow, a column that holds the same in every row stands in the line before the table instead; if that is not
    enough, columns are left out, and the line says which.
    """
    proven = proven_fastest(report.results, level=level_of(report))
    titles = {each.name: each.title for each in report.benchmarks}
    groups = list(by_benchmark(report.results))
    for name, results in groups:
        columns = _columns(results, report.machine, proven, console)
        columns = [column for column in columns if column.name not in OPTIONAL or not _empty(column)]
        common, table = fitted(columns, console, unneeded=UNNEEDED)
        heading = [titles.get(name, name)] if len(groups) > 1 else []
        yield ": ".join([*heading, *filter(None, [common])]), table


def fitted(columns: Sequence[Column], console: Console, *, unneeded: Sequence[str]) -> tuple[str, Table]:
    """The table as the terminal has room for it, and a line to stand before it with what had none."""
    common: list[Column] = []
    if width(columns) > console.width:
        common = [column for column in columns if column.may_go]
    shown = [column for column in columns if column not in common]
    left_out = []
    for name in unneeded:
        if width(shown) > console.width and any(column.name == name for column in shown):
            shown = [column for column in shown if column.name != name]
            left_out.append(name)
    words = [f"{column.name} {column.cells[0].plain}" for column in common if column.cells[0].plain != "-"]
    words += [f"too narrow for: {', '.join(left_out)}"] if left_out else []
    return ", ".join(words), _table(shown, console)


OPTIONAL = ("95 % interval", "x", "peak")
"""Columns that are left out where no row has anything in them."""


def _empty(column: Column) -> bool:
    return all(cell.plain == "-" for cell in column.cells)


def width(columns: Sequence[Column], *, gap: int = 2) -> int:
    """Of the table, with so many spaces between columns."""
    return sum(column.width for column in columns) + gap * (len(columns) - 1)


def _table(columns: Sequence[Column], console: Console) -> Table:
    roomy = width(columns, gap=3) <= console.width
    table = Table(box=box(console), show_edge=False, pad_edge=False, padding=(0, 1) if roomy else (0, 1, 0, 0))
    for column in columns:
        table.add_column(column.name, justify=column.justify, no_wrap=column.name != "check")
    for row in zip(*(column.cells for column in columns), strict=True):
        table.add_row(*row)
    return table


def _columns(results: Sequence[Result], machine: Machine, proven: Collection[Result], console: Console) -> list[Column]:
    best, unit = fastest(results), results[0].trial.unit
    sizes = Counter(result.trial.group for result in results if result.verified)
    compared = {group: row for group, row in best.items() if sizes[group] > 1}
    numbers = [_numbers(result, compared.get(result.trial.group), proven, console) for result in results]

    def words(name: str, cell: Callable[[Trial], str], *, common: bool = True, right: bool = False) -> Column:
        styles = ["" if has_number(result) else "dim" for result in results]
        cells = tuple(Text(cell(result.trial), style) for result, style in zip(results, styles, strict=True))
        return Column(name, common, "right" if right else "left", cells)

    def number(name: str, *, justify: JustifyMethod = "right") -> Column:
        return Column(name, False, justify, tuple(row[name] for row in numbers))

    return [
        words("stack", row_name, common=False),
        words("source", source),
        words("device", lambda trial: trial.place),
        words("dtype", lambda trial: trial.dtype),
        words("size", lambda trial: trial.size.label, right=True),
        number(unit),
        number("x"),
        Column("peak", False, "right", tuple(Text(_share(result, machine)) for result in results)),
        number("95 % interval"),
        number("best"),
        number("check", justify="left"),
    ]


def _numbers(result: Result, best: Result | None, proven: Collection[Result], console: Console) -> dict[str, Text]:
    """The cells after the trial's own, by the names of their columns."""
    if result.rate is None or result.failure is not None:
        words = result.failure.reason.replace("_", " ") if result.failure is not None else result.status
        dash = Text("-", style="dim")
        check = Text(words, style="red" if result.status == "failed" else "dim")
        return {result.trial.unit: dash, "x": dash, "95 % interval": dash, "best": dash, "check": check}
    low, high = result.rate.low, result.rate.high
    interval = f"{figure(low)} .. {figure(high)}" if low is not None and high is not None else "-"
    noisy = disturbed(result)
    style = "yellow" if noisy else "bold green" if result in proven else "bold"
    return {
        result.trial.unit: Text(f"~{figure(result.rate.median)}" if noisy else figure(result.rate.median), style=style),
        "x": Text(_relative(result, best)),
        "95 % interval": Text(interval),
        "best": Text(figure(result.rate.best)),
        "check": _check(result, console),
    }


def _relative(result: Result, best: Result | None) -> str:
    """`0.58x` of the fastest of its group; a dash for a row that stands alone or is not to be compared."""
    return f"{speed(result) / speed(best):.2f}x" if best is not None and result.verified else "-"


def _share(result: Result, machine: Machine) -> str:
    """`71 %` of what the device can do; a dash where that is unknown."""
    share = peak(result, machine)
    return percent(share.percent) if share is not None and share.percent is not None else "-"


def _check(result: Result, console: Console) -> Text:
    if not result.verified:
        return Text("not checked", style="yellow")
    if disturbed(result):
        return Text("~ noisy", style="yellow")
    return Text("ok" if console.options.ascii_only else "✓", style="green")


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


def box(console: Console) -> Any:
    return ASCII if console.options.ascii_only else SIMPLE_HEAD


def megabytes(size: int) -> str:
    """`412 MB`, `2.3 GB`."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"
