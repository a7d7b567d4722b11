"""The table of a fleet, and what is said of its nodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from mambench.analysis.fleet import Fleet
from mambench.analysis.fleet_answer import Topic, headline, lines
from mambench.analysis.groups import Group
from mambench.analysis.rows import figure, row_name, source, with_unit
from mambench.terminal.table import Column, fitted

UNNEEDED = ("source", "device name", "spread", "slow from", "device", "range")
"""Columns that a narrow terminal does without, the least needed first."""

MAX_ROWS = 60
"""In a table that a person reads, those with slow nodes first; the files have all."""

STYLES = {
    Topic.WRONG: "bold red",
    Topic.FAILED: "red",
    Topic.MISSING: "yellow",
    Topic.SLOW: "",
    Topic.KINDS: "",
    Topic.NOTE: "dim",
}


def fleet_lines(fleet: Fleet) -> Iterator[Text]:
    """Wrong products first, then failures, missing nodes and slow ones."""
    for line in lines(fleet):
        name, colon, rest = line.text.partition(": ")
        named = colon and line.topic in (Topic.FAILED, Topic.MISSING, Topic.SLOW)
        style = STYLES[line.topic]
        yield Text.assemble((name + colon, f"bold {style}"), rest) if named else Text(line.text, style)


def fleet_headline(fleet: Fleet) -> Text:
    """The answer in one line, which stands last: there a person looks."""
    well = not (fleet.wrong or fleet.failed or fleet.incomplete or fleet.missing or fleet.slow or fleet.kinds)
    return Text(headline(fleet), style="bold red" if fleet.wrong else "bold" if well else "bold yellow")


def fleet_table(fleet: Fleet, console: Console) -> tuple[str, Table]:
    """A line for each row over its nodes; and a line to stand before the table."""
    shown = sorted(fleet.groups, key=lambda group: not _slow(group))[:MAX_ROWS]
    shown = [group for group in fleet.groups if group in shown]

    def column(
        name: str, cell: Callable[[Group], str], *, common: bool = False, justify: JustifyMethod = "right"
    ) -> Column:
        return Column(
            name, common, justify, tuple(Text(cell(group), "bold" if _slow(group) else "") for group in shown)
        )

    wrong = Counter(each.trial for each in fleet.wrong)
    columns = [
        column("stack", lambda group: row_name(group.trial), justify="left"),
        column("source", lambda group: source(group.trial), common=True, justify="left"),
        column("device", lambda group: group.trial.place, common=True, justify="left"),
        column("device name", lambda group: group.device_name, common=True, justify="left"),
        column("dtype", lambda group: group.trial.dtype, common=True, justify="left"),
        column("size", lambda group: group.trial.size.label, common=True),
        column("nodes", lambda group: f"{len(group.values):,}"),
        column("median", lambda group: with_unit(group.median, group.trial)),
        column("spread", lambda group: _percent(group.spread)),
        column("range", lambda group: f"{figure(group.values[-1].rate)} .. {figure(group.values[0].rate)}"),
        column("slow from", lambda group: _percent(group.seen_from)),
        column("slow", lambda group: "?" if group.seen_from is None else f"{_slow(group)}"),
    ]
    if wrong:
        columns.append(column("wrong", lambda group: str(wrong[group.trial])))
    if len({group.trial.benchmark for group in fleet.groups}) > 1:
        columns.insert(0, column("benchmark", lambda group: group.trial.benchmark, justify="left"))
    common, table = fitted(columns, console, unneeded=UNNEEDED)
    left_out = [f"{len(fleet.groups) - len(shown)} more rows are not shown"] if len(fleet.groups) > len(shown) else []
    return ", ".join(filter(None, [common, *left_out])), table


def _slow(group: Group) -> int:
    return sum(value.slow for value in group.values)


def _percent(part: float | None) -> str:
    return "-" if part is None else f"{100 * part:.1f} %"
