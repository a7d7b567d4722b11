"""What a person sees: tables, progress, messages. The only importer of rich."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from mambench.errors import MambenchError
from mambench.model import Event, Report
from mambench.terminal.progress import Progress
from mambench.terminal.table import box, explanations, results_table


class Terminal:
    """Everything that a person sees. Results go to standard output, progress and messages to standard error."""

    def __init__(self, *, quiet: bool = False, table_to_stderr: bool = False) -> None:
        self.messages = Console(stderr=True, highlight=False, soft_wrap=False)
        self.output = self.messages if table_to_stderr else Console(highlight=False)
        self._quiet = quiet
        self._progress = Progress(self.messages) if not quiet else None

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
            common, table = results_table(report.results, self.output)
            if common:
                self.output.print(Text(common, style="dim"))
            self.output.print(table)
        for verdict in verdicts:
            self.output.print(Text(verdict, style="bold"))
        if any(result.status == "ok" for result in report.results) and len(report.results[0].rounds) < 3:
            self.output.print(Text("One round tells no interval and no verdict: --preset standard does.", style="dim"))
        for line in explanations(report):
            self.output.print(line)
        if not report.complete:
            self.output.print(Text("Stopped before the end: only what was measured is shown.", style="yellow"))
        if path:
            self.output.print(Text(f"Report: {path}", style="dim"), soft_wrap=True)

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
