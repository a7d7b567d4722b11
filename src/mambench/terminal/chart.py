"""Bars: a result's rate against the fastest of its benchmark, dtype, size and device."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.text import Text

from mambench.analysis.answer import speed
from mambench.analysis.colours import colour
from mambench.analysis.rows import figure, in_order, row_name
from mambench.model import Result

WIDEST = 60
NARROWEST = 10

_EIGHTHS = " ▏▎▍▌▋▊▉"


def bar(fraction: float, width: int, *, ascii_only: bool) -> str:
    """A bar of `fraction` of `width` columns, to an eighth of a column; never quite nothing."""
    eighths = max(1, round(min(max(fraction, 0.0), 1.0) * width * 8))
    if ascii_only:
        return "#" * max(1, round(eighths / 8))
    return "█" * (eighths // 8) + (_EIGHTHS[eighths % 8] if eighths % 8 else "")


def chart(results: Sequence[Result], console: Console) -> list[Text]:
    """A heading and its bars for each device, size and dtype; rows without a verified number have no bar."""
    shown = [result for result in in_order(results) if result.verified]
    column = max((len(row_name(result.trial)) for result in shown), default=0) + 2
    room = max(NARROWEST, min(WIDEST, console.width - column - len("  123,456.7") - 3))
    lines: list[Text] = []
    for heading, group in groupby(shown, _heading):
        rows = list(group)
        top = max(speed(result) for result in rows)
        lines += [Text(), Text(heading, style="bold")]
        for result in rows:
            drawn = bar(speed(result) / top, room, ascii_only=console.options.ascii_only)
            line = Text(f"  {row_name(result.trial).ljust(column)}")
            lines.append(line.append(drawn, style=colour(result.trial.stack.name)).append(f" {figure(speed(result))}"))
    return [*lines, Text()] if lines else []


def _heading(result: Result) -> str:
    trial = result.trial
    return f"{trial.benchmark}, {trial.dtype}, {trial.size.words}, {trial.place}, {trial.unit}"
