"""What mambench promises, and the tests that show it: a table of cases tried and survived.

A test of a promise is marked `@pytest.mark.promise("killed")`; a folder's or a module's tests by `pytestmark`. One that
tries many cases takes the fixture `cases` and goes on after one that fell. `pytest -m promise --promises FILE` runs all
of them, the long ones too, and writes the table. Those of some folders alone are added to a table of the same day.
"""

from __future__ import annotations

import contextlib
import platform
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

PROMISES = {
    "killed": "Killed or interrupted at any point, it leaves no process and no damaged file, and the next run works",
    "networks": "A bad network ends in a plain sentence in bounded time, or is waited for with a sign of life",
    "disks": "A bad disk, a limit or another user's folder is told, and what was measured is shown",
    "together": "Any number at once on one home wait for each other, and each ends as if alone",
    "surroundings": "Strange names, variables, terminals and streams change no number and end no run",
    "contained": "Nothing outside the home changes",
    "workers": "A kernel that lies, crashes, hangs or prints costs its own row only",
    "files": "A damaged file is told by its name, in bounded time and memory, and the rest goes on",
    "environments": "A damaged environment is never measured in silence, and can be repaired",
    "secrets": "No password or token reaches a log, a report or the terminal",
    "trusted": "No code of others runs because of the folder in which we are started, or of who may write to the home",
    "lives": "After any number of runs the home has grown by results and capped logs only",
}


@dataclass
class Cases:
    """The cases of one test: each is tried, and what fell is told at the end."""

    tried: int = 0
    fell: list[str] = field(default_factory=list)

    @contextlib.contextmanager
    def case(self, name: object) -> Iterator[None]:
        """One of them; an assertion that fails in it is kept, and the next is tried."""
        self.tried += 1
        try:
            yield
        except AssertionError as error:
            self.fell.append(f"{name}: {error}")

    def count(self, number: int) -> None:
        """So many more that ended well."""
        self.tried += number

    def none_fell(self) -> None:
        """Fails with all that fell."""
        assert not self.fell, f"{len(self.fell)} of {self.tried} fell:\n" + "\n".join(self.fell)


@pytest.fixture
def cases() -> Cases:
    """What a test of many cases counts them with."""
    return Cases()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Where the table goes."""
    parser.addoption("--promises", metavar="FILE", type=Path, help="write the table of promises as Markdown")


def pytest_configure(config: pytest.Config) -> None:
    """The mark and the table."""
    config.addinivalue_line("markers", "promise(name): shows a promise of tests/promises.py")
    config.pluginmanager.register(_Table(config))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:  # noqa: ARG001
    """A report carries its promise and its cases."""
    report = yield
    mark = item.get_closest_marker("promise")
    if mark is not None and (report.when == "call" or report.failed) and not report.skipped:
        (name,) = mark.args
        counted = getattr(item, "funcargs", {}).get("cases", Cases())
        fell = len(counted.fell) or int(report.failed)
        report.user_properties.append(("promise", (name, max(1, counted.tried, fell), fell)))
    return report


class _Table:
    def __init__(self, config: pytest.Config) -> None:
        self._file: Path | None = config.getoption("--promises")
        self._command = shlex.join(["pytest", *config.invocation_params.args])
        self._counts = {name: [0, 0] for name in PROMISES}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for kind, value in report.user_properties:
            if kind == "promise":
                name, tried, fell = value
                self._counts[name][0] += tried
                self._counts[name][1] += fell

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        rows = [(PROMISES[name], tried, tried - fell) for name, (tried, fell) in self._counts.items() if tried]
        if not rows:
            return
        terminalreporter.section("promise: cases tried, survived")
        for promise, tried, survived in rows:
            terminalreporter.write_line(f"{tried:>7} {survived:>7}  {promise}")
        if self._file is not None:
            before = self._file.read_text(encoding="utf-8") if self._file.exists() else ""
            self._file.write_text(markdown(rows, self._command, before), encoding="utf-8")


def markdown(rows: list[tuple[str, int, int]], command: str, before: str = "") -> str:
    """The table as it stands in the documents, with its date and the commands that make it.

    What a table of `before` tells of the same day and system is added.
    """
    made = f"{datetime.now(UTC):%Y-%m-%d}, {platform.system()} {platform.machine()}, by"
    commands, counts = [command], {promise: (tried, survived) for promise, tried, survived in rows}
    if made in before:
        commands = [*re.findall(r"^pytest .*$", before, re.MULTILINE), command]
        for promise, *told in re.findall(r"^\| (.*) \| ([\d,]+) \| ([\d,]+) \|$", before, re.MULTILINE):
            known, (tried, survived) = counts.get(promise, (0, 0)), (int(count.replace(",", "")) for count in told)
            counts[promise] = known[0] + tried, known[1] + survived
    return "\n".join(
        [
            "# What is promised, and how often it held",
            "",
            f"{made} {'this command' if len(commands) == 1 else 'these commands'}:",
            "",
            "```sh",
            *commands,
            "```",
            "",
            "| Promise | Cases tried | Survived |",
            "|---|---:|---:|",
            *(
                f"| {promise} | {counts[promise][0]:,} | {counts[promise][1]:,} |"
                for promise in PROMISES.values()
                if promise in counts
            ),
            "",
            "`pytest -m promise` tries the long forms too, and takes hours. What is promised, and what is not:",
            "[SECURITY.md](../SECURITY.md).",
            "",
        ]
    )
