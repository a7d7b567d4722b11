"""The summary across benchmarks, as tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from mambench.analysis.ratios import Ratio
from mambench.analysis.summary import TITLES, Line, Summary
from mambench.terminal.table import Column, fitted, width


def summary_tables(seen: Summary, console: Console) -> Iterator[tuple[str, Table]]:
    """The summary in as many tables as the terminal has room for, each with a line to stand before it.

    Groups are rows and stacks columns; every table has all groups, and the baseline first.
    """
    titles = _group_columns(seen.lines)
    baseline, *others = range(len(seen.stacks))
    blocks: list[list[int]] = [[baseline]]
    for stack in others:
        columns = [*titles, *(_ratio_column(seen, each) for each in (*blocks[-1], stack))]
        if len(blocks[-1]) > 1 and width([each for each in columns if not each.may_go]) > console.width:
            blocks.append([baseline])
        blocks[-1].append(stack)
    for block in blocks:
        common, table = fitted([*titles, *(_ratio_column(seen, each) for each in block)], console, unneeded=())
        if seen.scores:
            blank = [Text()] * (len(table.columns) - len(block) - 1)
            table.add_section()
            table.add_row(Text("geomean"), *blank, *(_ratio_cell(seen.scores[each]) for each in block))
        yield f"{seen.heading}{f' ({common})' if common else ''}", table


def _group_columns(lines: Sequence[Line]) -> list[Column]:
    """The first one always stays: it has the name of the last line."""
    cells = zip(*(line.titles for line in lines), strict=True)
    columns = [
        Column(name, name != "benchmark", "right" if name == "size" else "left", tuple(map(Text, column)))
        for name, column in zip(TITLES, cells, strict=True)
    ]
    return [column for column in columns if column.name != "threads" or {*map(str, column.cells)} != {"default"}]


def _ratio_column(seen: Summary, stack: int) -> Column:
    cells = [line.cells[stack] for line in seen.lines]
    return Column(seen.stacks[stack], False, "right", tuple(map(_ratio_cell, cells)))


def _ratio_cell(ratio: Ratio) -> Text:
    if ratio.value is None:
        return Text(ratio.text, style="red" if ratio.text == "failed" else "dim")
    return Text(ratio.text, style="yellow" if ratio.disturbed else "" if ratio.proven or ratio.is_baseline else "dim")
