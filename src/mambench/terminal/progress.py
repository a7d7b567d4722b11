"""How far a run has come: one live view on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from mambench.analysis.colours import colour
from mambench.analysis.rows import failure_words, row_name, with_unit
from mambench.analysis.words import counted
from mambench.model import (
    DEFAULT_BENCHMARK,
    Event,
    Measured,
    Note,
    Provisioned,
    Provisioning,
    Trial,
    TrialFinished,
    TrialStarted,
)
from mambench.terminal.chart import bar
from mambench.terminal.table import megabytes

REDRAW_SECONDS = 0.25
"""While environments are made: at most 4 redraws a second."""

REDRAW_MEASURING_SECONDS = 1.0
"""While a worker measures, drawing must not disturb it."""

LIFE_SECONDS = 8.0
"""Without a live view a step says so often that it lasts: after 10 seconds of silence a person doubts."""

WAITING_SECONDS = 3.0
"""From then on it is said that nothing moves."""

BAR_WIDTH = 36
FASTEST = ", the fastest so far"


class Progress:
    """One live view on a terminal; plain lines elsewhere or if it is not to be live, one for each step."""

    def __init__(self, console: Console, *, live: bool = True) -> None:
        self._console = console
        self._may_draw = live and console.is_terminal and not console.is_dumb_terminal
        self._live: Live | None = None
        self._drawn = 0.0
        self._said, self._said_at = "", 0.0
        self._stillness = _Stillness()
        self._trial: TrialStarted | None = None
        self._speed = _Speed()
        self._reached: dict[Trial, float] = {}

    def take(self, event: Event) -> None:
        match event:
            case Provisioning():
                self._provisioning(event)
            case Provisioned():
                self._provisioned(event)
            case TrialStarted():
                self._trial = event
                self._draw(self._trial_view(None), every=0)
                self._plainly(self._headline())
            case Measured():
                self._draw(self._trial_view(event), every=REDRAW_MEASURING_SECONDS)
            case TrialFinished():
                self._finished(event)
            case Note():
                self._print(Text(event.message))

    def stand(self, line: str, clock: str) -> None:
        """Without a live view at most one line in so many seconds; the clock alone is no news."""
        self._draw(Text(f"{line}{clock}"), every=REDRAW_SECONDS)
        now = time.monotonic()
        if not self._may_draw and line != self._said and (not self._said or now - self._said_at >= LIFE_SECONDS):
            self._console.print(Text(line), soft_wrap=True)
            self._said, self._said_at = line, now

    def stop(self) -> None:
        if self._live is not None:
            self._live.update(Text(""), refresh=True)
            self._live.stop()
            self._live = None

    def _provisioning(self, event: Provisioning) -> None:
        line = Text.assemble((event.environment, "bold"), f"  {event.phase}")
        waiting = self._stillness.words(event)
        if event.total_bytes and event.done_bytes is not None:
            speed = waiting or self._speed.of(f"{event.environment} {event.phase}", event.done_bytes, event.total_bytes)
            come = f"{megabytes(event.done_bytes)} of {megabytes(event.total_bytes)}"
            line.append(f"  {come}{speed}")
            width = min(BAR_WIDTH, self._console.width - 2)
            progress = ProgressBar(total=event.total_bytes, completed=event.done_bytes, width=width)
            self._draw(Group(line, progress), every=REDRAW_SECONDS)
        else:
            come = megabytes(event.done_bytes) if event.done_bytes else ""
            line.append(f"  {come}{waiting}" if come else waiting)
            self._draw(line, every=REDRAW_SECONDS if waiting else 0)
        said = f"{event.environment}: {event.phase}"
        self._plainly(said, again=f"{said}{', ' if come else ''}{come}{waiting}")

    def _provisioned(self, event: Provisioned) -> None:
        if event.environment is not None:
            words = f"ready (python {event.environment.version}, {event.environment.source})"
            self._print(Text.assemble((event.name, "bold"), f"  {words}"))
        elif event.failure is not None:
            self._print(Text.assemble((event.name, "bold"), ("  " + event.failure.message, "yellow")))

    def _finished(self, event: TrialFinished) -> None:
        result = event.result
        trial = result.trial
        where = f"{_benchmark(trial, '  ')}{row_name(trial)}  {trial.place}  {trial.dtype}  {trial.size.words}"
        if result.rate is not None and result.failure is None:
            last = result.rounds[-1]
            reached = trial.work / last.median_seconds
            if result.verified:
                self._reached[trial] = result.rate.median
            checked = "verified" if result.verified else "not checked"
            words = Text(f"{with_unit(reached, trial)}, {counted(len(last.samples), 'run')}, {checked}")
        else:
            words = Text(failure_words(result), style="red" if result.status == "failed" else "yellow")
        turn = f"  round {event.round_index + 1} of {event.rounds}: " if event.rounds > 1 else "  "
        self._print(Text.assemble((where, "bold"), turn, words))

    def _headline(self) -> str:
        assert self._trial is not None
        trial = self._trial.trial
        where = f"round {self._trial.round_index + 1} of {self._trial.rounds}, "
        where += f"trial {self._trial.position + 1} of {self._trial.total}"
        return f"{_benchmark(trial, ' ')}{row_name(trial)} {trial.place} {trial.dtype} {trial.size.words} ({where})"

    def _trial_view(self, event: Measured | None) -> Group:
        lines = [Text(self._headline(), style="bold")]
        if event is not None:
            words = [event.phase, f"{event.elapsed_seconds:.0f} s"]
            if event.runs:
                words.append(counted(event.runs, "run"))
            if event.remaining_seconds is not None:
                words.append(f"at most {event.remaining_seconds:.0f} s left")
            lines.append(Text("  " + ", ".join(words)))
            lines += self._bars(event)
        for line in lines:
            line.no_wrap, line.overflow = True, "ellipsis"
        return Group(*lines)

    def _bars(self, event: Measured) -> list[Text]:
        """The running median, and the fastest of its kind so far."""
        trial = event.trial
        running = trial.work / event.median_seconds if event.median_seconds else 0.0
        rivals = {rival: speed for rival, speed in self._reached.items() if rival.group == trial.group}
        fastest = max(rivals, key=lambda rival: rivals[rival], default=trial)
        best, name = rivals.get(fastest, 0.0), row_name(fastest)
        column = max(len(name), len(row_name(trial)))
        lines = []
        if running:
            lines.append(
                self._bar(trial, row_name(trial).ljust(column), running, max(best, running), colour(trial.stack.name))
            )
        if best:
            drawn = self._bar(trial, name.ljust(column), best, max(best, running), colour(fastest.stack.name))
            lines.append(drawn.append(FASTEST))
        return lines

    def _bar(self, trial: Trial, name: str, speed: float, top: float, style: str) -> Text:
        beside = f" {with_unit(speed, trial)}"
        width = max(8, min(BAR_WIDTH, self._console.width - len(name) - len(beside) - len(FASTEST) - 5))
        drawn = bar(speed / top, width, ascii_only=self._console.options.ascii_only)
        return Text(f"  {name}  ").append(drawn, style=style).append(beside)

    def _draw(self, content: Any, *, every: float) -> None:
        if not self._may_draw:
            return
        now = time.monotonic()
        if now - self._drawn < every:
            return
        self._drawn = now
        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False, transient=True, redirect_stdout=False)
            self._live.start()
        self._live.update(content, refresh=True)

    def _plainly(self, line: str, *, again: str = "") -> None:
        """One line for each step; while it lasts, what `again` says of it from time to time."""
        if self._may_draw:
            return
        now = time.monotonic()
        if line == self._said and not (again and now - self._said_at >= LIFE_SECONDS):
            return
        self._console.print(Text(again if line == self._said else line), soft_wrap=True)
        self._said, self._said_at = line, now

    def _print(self, line: Text) -> None:
        if self._live is not None:
            self._live.update(Text(""))
        self._console.print(line, soft_wrap=not self._console.is_terminal)


def _benchmark(trial: Trial, gap: str) -> str:
    """The benchmark before a row's other words, where it is not what is measured unless something else is named."""
    return "" if trial.benchmark == DEFAULT_BENCHMARK else f"{trial.benchmark}{gap}"


class _Stillness:
    """For how long a step has not moved, in words."""

    def __init__(self) -> None:
        self._event: Provisioning | None = None
        self._since = 0.0

    def words(self, event: Provisioning) -> str:
        now = time.monotonic()
        if event != self._event:
            self._event, self._since = event, now
        if (seconds := now - self._since) < WAITING_SECONDS:
            return ""
        return f", waiting for {event.host}, {seconds:.0f} s" if event.host else f", {seconds:.0f} s"


class _Speed:
    """Bytes a second since the first of each download, and the time left, in words."""

    def __init__(self) -> None:
        self._begin: dict[str, tuple[float, int]] = {}

    def of(self, name: str, done_bytes: int, total_bytes: int) -> str:
        now = time.monotonic()
        since, before = self._begin.setdefault(name, (now, done_bytes))
        if now - since < 1 or done_bytes <= before:
            return ""
        speed = (done_bytes - before) / (now - since)
        left = f", about {(total_bytes - done_bytes) / speed:.0f} s left" if done_bytes < total_bytes else ""
        return f", {megabytes(int(speed))}/s{left}"
