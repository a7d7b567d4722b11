"""Pages of reports, written beside them."""

from __future__ import annotations

import functools
import json
import os
import tomllib
from pathlib import Path

from mambench.analysis.summary import BY_ITSELF, SummaryOptions
from mambench.errors import ReportError
from mambench.model import Report
from mambench.report import html
from mambench.report.page import Materials
from mambench.system import files, process, resources
from mambench.terminal.console import Terminal


@functools.cache
def materials() -> Materials:
    """What every page is made of."""
    folder = resources.report()
    pins = tomllib.loads(_text(folder / "scripts.toml"))["script"]
    scripts = tuple(folder / "scripts" / pin["file"] for pin in pins)
    licences = [_text(path) for path in sorted((folder / "scripts").glob("*.LICENSE"))]
    return Materials(
        templates={path.name: _text(path) for path in (folder / "templates").glob("*.html")},
        charts={path.stem: json.loads(_text(path)) for path in (folder / "charts").glob("*.json")},
        style=_text(folder / "style.css"),
        code=_text(folder / "page.js"),
        scripts=tuple(map(_text, scripts)) if all(path.is_file() for path in scripts) else (),
        notices="\n\n".join(dict.fromkeys(licences)),
    )


def page_of(report: Report, file: Path, across: SummaryOptions = BY_ITSELF) -> str:
    """The page of a report whose JSON is in `file`. Raises ReportError."""
    command = " ".join(process.quoted(("mambench", *report.argv), report.machine.platform))
    return html.page(report, materials(), name=file.name, command=command, across=across)


def write_page(report: Report, file: Path, *, to: str | None = None, across: SummaryOptions = BY_ITSELF) -> Path:
    """Write the page of a report, beside its JSON unless it shall lie elsewhere. Raises ReportError."""
    path = Path(to) if to else file.with_suffix(".html")
    write_text(path, page_of(report, file, across))
    return path


def offer_page(terminal: Terminal, report: Report, file: Path, *, across: SummaryOptions = BY_ITSELF) -> Path | None:
    """Write the page beside the JSON, if that is there, and say where; nobody asked, so a full disk is a sentence."""
    if not os.path.exists(file):
        return None
    try:
        path = write_page(report, file, across=across)
    except ReportError as error:
        terminal.say(f"the report is saved, its page is not: {error}")
        return None
    terminal.page(path)
    return path


def write_text(path: Path, text: str) -> None:
    """Write what was made of a report where a person says. Raises ReportError."""
    try:
        files.write_where_told(path, text.encode("utf-8", "replace"))
    except OSError as error:
        raise ReportError(f"cannot write {path}: {error.strerror}", remedy="free disk space or name a file") from error


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
