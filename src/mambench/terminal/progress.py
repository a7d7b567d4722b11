"""How far a run has come: one live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from mambench.model import (
    Event,
    Measured,
    Note,
    Provisioned,
    Provisioning,
    TrialFinished,
    TrialStarted,
)
from mambench.terminal.table import failure_words, gflops, megabytes, size, stack_and_source

REDRAW_SECONDS = 0.25
"""While environments are made: at most 4 redraws a second."""

REDRAW_MEASURING_SECONDS = 1.0
"""While a worker measures, drawing must not disturb it."""


class Progress:
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
            bar = ProgressBar(total=event.total_bytes, completed=event.done_bytes, width=min(30, self._console.width))
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
        place = f"{name}  {result.trial.device}  {result.trial.dtype}  n = {size(result)}"
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
