"""Earlier results, one of which is chosen to be shown again."""

from __future__ import annotations

from pathlib import Path

from mambench.app import results
from mambench.app.context import Mambench
from mambench.report import library
from mambench.wizard.ask import Asker
from mambench.wizard.pages import Back, Option, Page

MAX_LISTED = 100
"""The newest."""


def any_in(app: Mambench) -> bool:
    """Whether there is something to choose."""
    return bool(library.reports_in(app.home.results))


def choose(app: Mambench, ask: Asker) -> Path:
    """The file of the result that the person picks. Raises Back."""
    files = library.reports_in(app.home.results)
    read = library.library(files[:MAX_LISTED])
    rows = [_option(entry) for entry in results.entries(read)]
    rows += [Option(str(file), file.stem, disabled="it cannot be read") for file in read.problems]
    more = len(files) - MAX_LISTED
    facts = (("", f"{more:,} earlier ones: `mambench results` lists all."),) if more > 0 else ()
    answer = ask.choose(Page("Earlier results", facts), (*rows, Option("back", "Back")))
    if answer == "back":
        raise Back
    return Path(answer)


def _option(entry: results.Entry) -> Option:
    stopped = "" if entry.digest.complete else "stopped; "
    return Option(str(entry.file), f"{entry.when} UTC", f"{stopped}{entry.what}; fastest {entry.fastest}")
