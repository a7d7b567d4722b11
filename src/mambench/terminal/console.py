"""What a person sees: tables, progress, messages. The only importer of rich."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.markup import escape
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from mambench.analysis.answer import answer
from mambench.analysis.brief import brief
from mambench.analysis.fleet import Fleet
from mambench.analysis.matching import Pair
from mambench.analysis.summary import BY_ITSELF, Summary, SummaryOptions, summary
from mambench.errors import MambenchError
from mambench.model import Event, Report
from mambench.system.streams import drop_typed, is_console, patient, takes_escapes
from mambench.system.values import cleaned
from mambench.terminal.brief import Brief
from mambench.terminal.chart import chart
from mambench.terminal.comparison import comparison_lines, comparison_table
from mambench.terminal.fleet import fleet_headline, fleet_lines, fleet_table
from mambench.terminal.progress import Progress
from mambench.terminal.summary import summary_tables
from mambench.terminal.table import box, explanations, results_tables


class Terminal:
    """Everything that a person sees. Results go to standard output, progress and messages to standard error."""

    def __init__(self, *, quiet: bool = False, table_to_stderr: bool = False) -> None:
        options = message_options(redirected=not is_console(sys.stdout), escapes=takes_escapes(sys.stderr))
        self.messages = _kind(sys.stderr)(file=patient(sys.stderr), stderr=True, highlight=False, **options)
        self.output = self.messages
        if not table_to_stderr:
            self.output = _kind(sys.stdout)(file=patient(sys.stdout), highlight=False)
        self._quiet = quiet
        self._name = ""
        self._progress: Progress | Brief | None = None
        if not quiet:
            self._progress = Progress(self.messages, live="color_system" not in options)

    @property
    def unicode(self) -> bool:
        """Whether the terminal draws more than ASCII."""
        return not self.output.options.ascii_only

    def be_plain(self) -> None:
        """From now on nothing is drawn over: lines only, for screen readers."""
        self._progress = Progress(self.messages, live=False)

    def be_brief(self, name: str) -> None:
        """From now on one line for each thing, behind the name of this computer: many may write to the same output."""
        self._name = f"{name}: "
        if self._progress is not None:
            self._progress = Brief(self.say)

    def be_calm(self) -> None:
        """No progress where nobody watches: it would go to a file."""
        if not self.messages.is_terminal:
            self._progress = None

    @property
    def interactive(self) -> bool:
        """Whether a person sits there to answer."""
        return sys.stdin is not None and sys.stdin.isatty() and self.messages.is_terminal

    def on_event(self, event: Event) -> None:
        """Draw progress."""
        if self._progress is not None:
            self._progress.take(event)

    def standing(self, line: str, clock: str = "") -> None:
        """How something far away stands: drawn over on a terminal, elsewhere said when `line` has changed."""
        if isinstance(self._progress, Progress):
            self._progress.stand(line, clock)

    def stop_progress(self) -> None:
        """End the live view; what comes next is printed below it."""
        if self._progress is not None:
            self._progress.stop()

    def confirm(self, question: str) -> bool:
        """Ask; Enter means yes, the end of input no."""
        self.stop_progress()
        drop_typed()
        self.messages.print(f"{escape(question)} [bold]\\[Y/n][/bold] ", end="")
        try:
            return input().strip().lower() in ("", "y", "yes")
        except EOFError:
            self.messages.print()
            return False

    def say(self, line: str) -> None:
        """One line to standard error."""
        if not self._quiet:
            self.messages.print(escape(f"{self._name}{line}"), soft_wrap=not self.messages.is_terminal)

    def heading(self, name: str, words: str) -> None:
        """The name of what follows, and what it is."""
        self.output.print(Text.assemble((name, "bold"), f"  {words}"))

    def blank(self) -> None:
        """An empty line to standard output."""
        self.output.print()

    def paragraph(self, words: str) -> None:
        """Words to standard output, wrapped."""
        self.output.print(Text(words), overflow="fold")

    def command(self, words: str) -> None:
        """A command on one line, however long, so that it can be copied."""
        self.output.print(Text(f"$ {words}", style="bold"), soft_wrap=True)

    def error(self, error: MambenchError) -> None:
        """What happened, what to do next, and the log's path."""
        self.stop_progress()
        in_one_line = not self.messages.is_terminal  # for grep
        if self._name:
            words = "; ".join(filter(None, (str(error), error.remedy, f"log: {error.log}" if error.log else "")))
            self.messages.print(escape(f"{self._name}mambench: {words}"), soft_wrap=True)
            return
        self.messages.print(f"[bold red]mambench:[/] {escape(str(error))}", soft_wrap=in_one_line)
        if error.remedy:
            self.messages.print(f"          {escape(error.remedy)}", soft_wrap=in_one_line)
        if error.log is not None:
            self.messages.print(f"          log: {escape(str(error.log))}", soft_wrap=True)

    def report(self, report: Report, *, path: str, bars: bool = False, across: SummaryOptions = BY_ITSELF) -> None:
        """The tables, what they mean, what failed and why, a bar chart if wanted, where the report lies."""
        self.stop_progress()
        if self._name:
            self.output.print(Text(f"{self._name}{brief(report)}"), soft_wrap=True)
            return
        if report.results:
            for heading, table in results_tables(report, self.output):
                if heading:
                    self.output.print(Text(heading, style="dim"))
                self.output.print(table)
        if (seen := summary(report, across)) is not None:
            self._summary(seen)
        for sentence in answer(report):
            self.output.print(Text(sentence, style="bold"))
        for line in explanations(report, home=Path(path).parents[1] if path else Path()):
            self.output.print(line, soft_wrap=line.no_wrap)
        if not report.complete:
            self.output.print(Text("Stopped before the end: only what was measured is shown.", style="yellow"))
        if bars:
            for line in chart(report.results, self.output):
                self.output.print(line, no_wrap=True)
        if path and os.path.exists(path):  # else the disk went away, which is told as the error that it is
            self.output.print(Text(f"Report: {path}", style="dim"), soft_wrap=True)

    def _summary(self, seen: Summary) -> None:
        if seen.lines:
            for heading, table in summary_tables(seen, self.output):
                self.output.print(Text(heading, style="dim"))
                self.output.print(table)
        for sentence in seen.sentences:
            self.output.print(Text(sentence))

    def page(self, path: Path) -> None:
        """Where the page of the report lies."""
        self.output.print(Text(f"Page: {path}", style="dim"), soft_wrap=True)

    def comparison(self, pairs: Sequence[Pair]) -> None:
        """The table of a comparison, what it means, and what may explain each difference."""
        common, table = comparison_table(pairs, self.output)
        if common:
            self.output.print(Text(common, style="dim"))
        self.output.print(table)
        for line in comparison_lines(pairs):
            self.output.print(line)

    def fleet(self, fleet: Fleet) -> None:
        """What is said of nodes, the worst first; the table of rows; the answer in one line."""
        for line in fleet_lines(fleet):
            self.output.print(line)
        if fleet.groups:
            common, table = fleet_table(fleet, self.output)
            if common:
                self.output.print(Text(common, style="dim"))
            self.output.print(table)
        self.output.print(fleet_headline(fleet))

    def rows(self, title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
        """A plain table to standard output."""
        table = Table(title=title or None, box=box(self.output), title_justify="left", pad_edge=False)
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


class CleanConsole(Console):
    """Lets nothing of what it is given steer the terminal: names, titles and messages may come from anybody.

    Every cell, bar and line is drawn from these segments. What steers takes no column, so that none is missing in a
    table without it.
    """

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterator[Segment]:
        """The segments of rich, its own escape sequences still apart from the text."""
        for segment in super().render(renderable, options):
            clean = segment.control is not None or segment.text.isprintable()
            yield segment if clean else Segment(cleaned(segment.text, instead=""), segment.style)


class _AsciiConsole(CleanConsole):
    """For a terminal that draws ASCII only."""

    @property
    def encoding(self) -> str:
        return "ascii"


def _kind(stream: Any) -> type[Console]:
    return CleanConsole if speaks_unicode(os.environ, stream) else _AsciiConsole


def message_options(*, redirected: bool, escapes: bool | None) -> dict[str, Any]:
    """How rich is to treat the console of standard error on Windows; `escapes` is None where it is none.

    rich asks standard output what that console can do, and moves the cursor there: redirected, each step of the
    progress would scroll. Ref: https://github.com/Textualize/rich/blob/master/rich/_windows.py
    """
    if escapes is None:
        return {}
    if escapes:
        return {"legacy_windows": False}
    return {"legacy_windows": False, "color_system": None} if redirected else {}


def speaks_unicode(environ: Mapping[str, str], stream: Any) -> bool:
    """Whether what is printed there may hold more than ASCII.

    In the C locale Python itself switches to UTF-8 (PEP 538 and 540: LC_CTYPE becomes C.UTF-8), the terminal does not.
    """
    encoding = getattr(stream, "encoding", None) or "utf-8"
    if not str(encoding).lower().startswith("utf"):
        return False
    if stream is None or not stream.isatty():
        return True
    by_python = environ.get("LC_CTYPE", "") in ("", "C.UTF-8", "C.utf8", "UTF-8")
    locale = environ.get("LC_ALL") or ("" if by_python else environ.get("LC_CTYPE")) or environ.get("LANG", "")
    return locale not in ("C", "POSIX")
