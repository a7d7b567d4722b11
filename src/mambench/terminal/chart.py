"""Bars: a result's GFLOPS against the fastest of its dtype, size and device."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from mambench.model import Result
from mambench.terminal.table import fastest, gflops, group_of, in_order, size, stack_and_source

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
    """A heading and its bars for each device, size and dtype; rows without a number have no bar."""
    shown = [result for result in in_order(results) if result.gflops is not None and result.failure is None]
    best = fastest(results)
    names = {id(result): _name(result) for result in shown}
    column = max((len(name) for name in names.values()), default=0) + 2
    room = max(NARROWEST, min(WIDEST, console.width - column - len("  123,456.7") - 3))
    lines: list[Text] = []
    group = None
    for result in shown:
        if group_of(result) != group:
            group = group_of(result)
            trial = result.trial
            lines += [Text(), Text(f"{trial.dtype}, n = {size(result)}, {trial.device}, GFLOPS", style="bold")]
        top = best[group_of(result)]
        assert result.gflops is not None and top.gflops is not None
        drawn = bar(result.gflops.median / top.gflops.median, room, ascii_only=console.options.ascii_only)
        style = "green" if result is top else ""
        line = Text(f"  {names[id(result)].ljust(column)}")
        lines.append(line.append(drawn, style=style).append(f" {gflops(result.gflops.median)}"))
    return [*lines, Text()] if lines else []


def _name(result: Result) -> str:
    name, _ = stack_and_source(result)
    threads = "" if result.trial.threads is None else f" ({result.trial.threads} threads)"
    return f"{name}{threads}"
