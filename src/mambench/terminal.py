"""Tables, progress, messages. The only importer of rich; with `wizard` the only one that prints."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

from rich.box import ASCII, SIMPLE_HEAD
from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from mambench.errors import MambenchError
from mambench.model import (
    Event,
    Measured,
    Note,
    Provisioned,
    Provisioning,
    Report,
    Result,
    TrialFinished,
    TrialStarted,
)

REDRAW_SECONDS = 0.25
"""While environments are made: at most 4 redraws a second."""

REDRAW_MEASURING_SECONDS = 1.0
"""While a worker measures, drawing must not disturb it."""

NARROW = 100
"""Below so many columns the table leaves out what is the same in every row."""


class Terminal:
    """Everything that a person sees. Results go to standard output, progress and messages to standard error."""

    def __init__(self, *, quiet: bool = False, table_to_stderr: bool = False) -> None:
        self.messages = Console(stderr=True, highlight=False, soft_wrap=False)
        self.output = self.messages if table_to_stderr else Console(highlight=False)
        self._quiet = quiet
        self._progress = _Progress(self.messages) if not quiet else None

    @property
    def interactive(self) -> bool:
        """Whether a person sits there to answer."""
        return sys.stdin is not None and sys.stdin.isatty() and self.messages.is_terminal

    def on_event(self, event: Event) -> None:
        """Draw progress."""
        if self._progress is not None:
            self._progress.take(event)

    def stop_progress(self) -> None:
        """End the live view; what comes next is printed below it."""
        if self._progress is not None:
            self._progress.stop()

    def confirm(self, question: str) -> bool:
        """Ask; Enter means yes."""
        self.stop_progress()
        self.messages.print(f"{escape(question)} [bold]\\[Y/n][/bold] ", end="")
        return input().strip().lower() in ("", "y", "yes")

    def say(self, line: str) -> None:
        """One line to standard error."""
        if not self._quiet:
            self.messages.print(escape(line))

    def error(self, error: MambenchError) -> None:
        """What happened, what to do next, and the log's path."""
        self.stop_progress()
        self.messages.print(f"[bold red]mambench:[/] {escape(str(error))}")
        if error.remedy:
            self.messages.print(f"          {escape(error.remedy)}")
        if error.log is not None:
            self.messages.print(f"          log: {escape(str(error.log))}", soft_wrap=True)

    def report(self, report: Report, verdicts: Sequence[str], *, path: str) -> None:
        """The table, the verdicts, what failed and why, where the report lies."""
        self.stop_progress()
        if report.results:
            self.output.print(results_table(report.results, self.output))
        for verdict in verdicts:
            self.output.print(Text(verdict, style="bold"))
        if any(result.status == "ok" for result in report.results) and len(report.results[0].rounds) < 3:
            self.output.print(
                Text("One round tells no interval and no verdict: --preset standard does.", style="dim")
            )
        for line in explanations(report):
            self.output.print(line)
        if not report.complete:
            self.output.print(Text("Stopped before the end: only what was measured is shown.", style="yellow"))
        if path:
            self.output.print(Text(f"Report: {path}", style="dim"), soft_wrap=True)

    def rows(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A plain table to standard output."""
        table = Table(title=title or None, box=_box(self.output), title_justify="left", pad_edge=False)
        for column in columns:
            table.add_column(column, overflow="fold")
        for row in rows:
            table.add_row(*(Text(cell) for cell in row))
        self.output.print(table)

    def facts(self, pairs: Iterable[tuple[str, str]]) -> None:
        """Names and values, one a line, to standard output."""
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="bold", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, value in pairs:
            grid.add_row(name, Text(value))
        self.output.print(grid)


# --------------------------------------------------------------------------------------------------- table


def results_table(results: Sequence[Result], console: Console) -> Table:
    """One row for each trial, fastest first within each dtype, size and device."""
    table = Table(box=_box(console), pad_edge=False, padding=(0, 1, 0, 0) if console.width < NARROW else (0, 1))
    table.add_column("stack", overflow="fold", ratio=None)
    for name in ("source", "device", "dtype"):
        table.add_column(name, no_wrap=True)
    for name in ("n", "GFLOPS", "95 % interval", "best"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("check", overflow="fold")
    best = _fastest(results)
    for result in sorted(results, key=_order):
        table.add_row(*_row(result, console, fastest=best.get(_group(result)) is result))
    return table


def _row(result: Result, console: Console, *, fastest: bool) -> list[Text]:
    trial = result.trial
    name, source = stack_and_source(result)
    threads = "" if trial.threads is None else f" ({trial.threads} threads)"
    cells = [name + threads, source, trial.device, trial.dtype, _size(result)]
    if result.gflops is None or result.failure is not None:
        words = failure_words(result)
        style = "red" if result.status == "failed" else "dim"
        return (
            [Text(cell, style="dim") for cell in cells] + [Text("-", style="dim")] * 3 + [Text(words, style=style)]
        )
    low, high = result.gflops.low, result.gflops.high
    interval = f"{gflops(low)} .. {gflops(high)}" if low is not None and high is not None else "-"
    mark = "ok" if console.options.ascii_only else "✓"
    style = "bold green" if fastest else ""
    return [
        Text(cells[0], style=style),
        *(Text(cell) for cell in cells[1:]),
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
    """Failures, unavailable rows and warnings, each cause once."""
    lines: list[Text] = []
    seen: set[tuple[str, str]] = set()
    for result in report.results:
        name, _ = stack_and_source(result)
        if result.failure is not None and (name, result.failure.message) not in seen:
            seen.add((name, result.failure.message))
            style = "red" if result.status == "failed" else "yellow"
            lines.append(Text.assemble((f"{name}: {failure_words(result)}: ", style), result.failure.message))
            if result.failure.log:
                lines.append(Text(f"  log: {result.failure.log}", style="dim"))
    for result in report.results:
        for warning in result.warnings:
            name, _ = stack_and_source(result)
            if (name, warning) not in seen:
                seen.add((name, warning))
                lines.append(Text.assemble((f"{name}: ", "yellow"), warning))
    lines += [Text(warning, style="yellow") for warning in report.warnings]
    return lines


def _size(result: Result) -> str:
    trial = result.trial
    return str(trial.n) if trial.m == trial.n == trial.k else f"{trial.m}x{trial.n}x{trial.k}"


def _group(result: Result) -> tuple[Any, ...]:
    trial = result.trial
    return trial.device, trial.dtype, trial.m, trial.n, trial.k


def _order(result: Result) -> tuple[Any, ...]:
    trial = result.trial
    dtypes = ("float64", "float32", "tf32", "bfloat16", "float16")
    speed = result.gflops.median if result.gflops is not None else 0.0
    return trial.device, trial.n, dtypes.index(trial.dtype), -speed, trial.environment


def _fastest(results: Sequence[Result]) -> dict[tuple[Any, ...], Result]:
    best: dict[tuple[Any, ...], Result] = {}
    for result in results:
        if result.gflops is None or result.failure is not None:
            continue
        other = best.get(_group(result))
        if other is None or other.gflops is None or result.gflops.median > other.gflops.median:
            best[_group(result)] = result
    return best


def _box(console: Console) -> Any:
    return ASCII if console.options.ascii_only else SIMPLE_HEAD


# ------------------------------------------------------------------------------------------------ progress


class _Progress:
    """One live line on a terminal; plain lines elsewhere, one for each step."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live: Live | None = None
        self._drawn = 0.0
        self._said = ""
        self._trial: TrialStarted | None = None
        self._speed = _Speed()

    def take(self, event: Event) -> None:
        match event:
            case Provisioning():
                self._provisioning(event)
            case Provisioned():
                self._provisioned(event)
            case TrialStarted():
                self._trial = event
                self._draw(self._trial_line(None), every=0)
                self._plainly(self._headline())
            case Measured():
                self._draw(self._trial_line(event), every=REDRAW_MEASURING_SECONDS)
            case TrialFinished():
                self._finished(event)
            case Note():
                self._print(Text(event.message))

    def stop(self) -> None:
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
            self._live.stop()
            self._live = None

    def _provisioning(self, event: Provisioning) -> None:
        line = Text.assemble((event.environment, "bold"), f"  {event.phase}")
        if event.total_bytes and event.done_bytes is not None:
            speed = self._speed.of(event.environment, event.done_bytes)
            line.append(f"  {megabytes(event.done_bytes)} of {megabytes(event.total_bytes)}{speed}")
            bar = ProgressBar(
                total=event.total_bytes, completed=event.done_bytes, width=min(30, self._console.width)
            )
            self._draw(Group(line, bar), every=REDRAW_SECONDS)
        else:
            self._draw(line, every=0)
        self._plainly(f"{event.environment}: {event.phase}")

    def _provisioned(self, event: Provisioned) -> None:
        if event.environment is not None:
            words = f"ready (python {event.environment.version}, {event.environment.source})"
            self._print(Text.assemble((event.name, "bold"), f"  {words}"))
        elif event.failure is not None:
            self._print(Text.assemble((event.name, "bold"), ("  " + event.failure.message, "yellow")))

    def _finished(self, event: TrialFinished) -> None:
        result = event.result
        name, _ = stack_and_source(result)
        place = f"{name}  {result.trial.device}  {result.trial.dtype}  n = {_size(result)}"
        if result.gflops is not None and result.failure is None:
            last = result.rounds[-1]
            median = sorted(sample.run_seconds for sample in last.samples)[len(last.samples) // 2]
            speed = gflops(result.trial.work * 1e-9 / median)
            words = Text(f"{speed} GFLOPS, {len(last.samples)} runs, verified")
        else:
            words = Text(failure_words(result), style="red" if result.status == "failed" else "yellow")
        turn = f"  round {event.round_index + 1} of {event.rounds}: " if event.rounds > 1 else "  "
        self._print(Text.assemble((place, "bold"), turn, words))

    def _headline(self) -> str:
        assert self._trial is not None
        trial = self._trial.trial
        name = trial.environment.partition("@")[0]
        where = f"round {self._trial.round_index + 1} of {self._trial.rounds}, "
        where += f"trial {self._trial.position + 1} of {self._trial.total}"
        return f"{name} {trial.device} {trial.dtype} n = {trial.n} ({where})"

    def _trial_line(self, event: Measured | None) -> Text:
        line = Text(self._headline(), style="bold")
        if event is None:
            return line
        words = [event.phase, f"{event.elapsed_seconds:.0f} s"]
        if event.runs:
            words.append(f"{event.runs} runs")
        if event.median_seconds:
            words.append(f"{gflops(event.trial.work * 1e-9 / event.median_seconds)} GFLOPS")
        if event.remaining_seconds is not None:
            words.append(f"at most {event.remaining_seconds:.0f} s left")
        return line.append("\n  " + ", ".join(words), style="not bold")

    def _draw(self, content: Any, *, every: float) -> None:
        if not self._console.is_terminal or self._console.is_dumb_terminal:
            return
        now = time.monotonic()
        if now - self._drawn < every:
            return
        self._drawn = now
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
            self._live.start()
        self._live.update(content, refresh=True)

    def _plainly(self, line: str) -> None:
        if (not self._console.is_terminal or self._console.is_dumb_terminal) and line != self._said:
            self._said = line
            self._console.print(Text(line), soft_wrap=True)

    def _print(self, line: Text) -> None:
        if self._live is not None:
            self._live.update(Text(""))
        self._console.print(line, soft_wrap=not self._console.is_terminal)


class _Speed:
    """Bytes a second since the first of each environment, and the time left, in words."""

    def __init__(self) -> None:
        self._begin: dict[str, tuple[float, int]] = {}

    def of(self, name: str, done_bytes: int) -> str:
        now = time.monotonic()
        since, before = self._begin.setdefault(name, (now, done_bytes))
        if now - since < 1 or done_bytes <= before:
            return ""
        return f", {megabytes(int((done_bytes - before) / (now - since)))}/s"


def megabytes(size: int) -> str:
    """`412 MB`, `2.3 GB`."""
    if size >= 1_000_000_000:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.0f} MB" if size >= 10_000_000 else f"{size / 1e6:.1f} MB"
