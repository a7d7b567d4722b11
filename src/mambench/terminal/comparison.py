"""The table of a comparison, and what is said under it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, JustifyMethod
from rich.table import Table
from rich.text import Text

from mambench.analysis import matching
from mambench.analysis.matching import Pair
from mambench.analysis.rows import row_name, source, with_unit
from mambench.model import Trial
from mambench.terminal.table import Column, fitted

UNNEEDED = ("baseline", "candidate", "source", "device", "95 % interval")
"""Columns that a narrow terminal does without, the least needed first."""

MAX_ROWS = 200
"""In a table that a person reads; differences come first."""

STYLES = {"faster": "bold green", "slower": "bold red", "same": "", None: "dim"}


def comparison_table(pairs: Sequence[Pair], console: Console) -> tuple[str, Table]:
    """A row for each trial, named by machine where there are several; and a line to stand before it."""
    shown = matching.first(pairs, MAX_ROWS)

    def column(
        name: str, cell: Callable[[Pair], str], *, common: bool = False, justify: JustifyMethod = "left"
    ) -> Column:
        return Column(name, common, justify, tuple(Text(cell(pair), STYLES[pair.verdict]) for pair in shown))

    columns = [
        column("stack", lambda pair: row_name(pair.trial)),
        column("source", lambda pair: source(pair.trial), common=True),
        column("device", lambda pair: pair.trial.place, common=True),
        column("dtype", lambda pair: pair.trial.dtype, common=True),
        column("size", lambda pair: pair.trial.size.label, common=True, justify="right"),
        column("baseline", lambda pair: _number(pair.baseline.rate, pair.trial), justify="right"),
        column("candidate", lambda pair: _number(pair.candidate.rate, pair.trial), justify="right"),
        column("ratio", ratio, justify="right"),
        column("95 % interval", interval, justify="right"),
        column("verdict", lambda pair: matching.VERDICTS[pair.verdict]),
    ]
    if matching.several_machines(pairs):
        columns.insert(0, column("machine", matching.machine_name))
    return fitted(columns, console, unneeded=UNNEEDED)


def ratio(pair: Pair) -> str:
    """Of speeds: above 1 the candidate is faster."""
    return f"{pair.difference.ratio:.3f}" if pair.difference else "-"


def interval(pair: Pair) -> str:
    """Of that ratio."""
    if pair.difference is None or pair.difference.low is None or pair.difference.high is None:
        return "-"
    return f"{pair.difference.low:.3f} .. {pair.difference.high:.3f}"


def _number(value: float | None, trial: Trial) -> str:
    return "-" if value is None else with_unit(value, trial)


def comparison_lines(pairs: Sequence[Pair]) -> Iterator[Text]:
    """The count of each verdict, why numbers may differ, and why rows cannot be compared."""
    yield Text(matching.summary(pairs), style="bold")
    left_out = len(pairs) - min(len(pairs), MAX_ROWS)
    if left_out:
        yield Text(f"{left_out:,} rows are not shown; --json has them all.", style="yellow")
    for sentence in matching.sentences(pairs):
        yield Text(sentence)
