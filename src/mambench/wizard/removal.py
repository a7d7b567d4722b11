"""Environments with their sizes, ticked, confirmed and removed."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from mambench.app import installed
from mambench.app.context import Mambench
from mambench.app.installed import Installed
from mambench.system import files
from mambench.terminal.table import megabytes
from mambench.wizard.ask import Asker
from mambench.wizard.pages import Back, Option, Page

CACHES = "/caches"
"""No prefix can be called so."""

Trees = Mapping[str, Sequence[files.Files]]
"""What lies in each thing that can be removed."""


def remove(app: Mambench, ask: Asker) -> None:
    """Ask which, ask whether, remove. Raises Back, HomeError."""
    prefixes = {each.prefix.name: each for each in installed.installed(app.home)}
    trees: Trees = {
        **{name: [each.tree] for name, each in prefixes.items()},
        CACHES: [files.files_in(folder) for folder in installed.caches(app.home)],
    }
    rows = [Option(name, each.name, _words(each)) for name, each in prefixes.items()]
    if any(trees[CACHES]):
        words = "what was downloaded; it is downloaded again when needed"
        rows.append(Option(CACHES, "caches", f"{megabytes(_freed([CACHES], trees))}, {words}"))
    summary = functools.partial(_summary, trees=trees)
    ticked = ask.tick(Page("What shall be removed?"), rows, summary, at_least="Tick at least one with the space bar.")
    page = Page("Remove", tuple((row.label, row.detail) for row in rows if row.value in ticked))
    if not ask.agree(page, f"Remove {megabytes(_freed(ticked, trees))}?", default=False):
        raise Back
    entries = [prefixes[name].entry for name in ticked if name in prefixes]
    freed = installed.remove(app, entries, and_caches=CACHES in ticked, command="mambench env remove")
    app.terminal.stop_progress()
    app.terminal.say(f"{megabytes(freed)} are free again")


def _words(prefix: Installed) -> str:
    freed = megabytes(prefix.freed_bytes)
    return f"{freed}, from {prefix.source} with python {prefix.python}" if prefix.source else f"{freed}, unfinished"


def _summary(ticked: Sequence[str], *, trees: Trees) -> str:
    return f"{megabytes(_freed(ticked, trees))} would be free again" if ticked else "nothing is ticked yet"


def _freed(ticked: Sequence[str], trees: Trees) -> int:
    """Together they may free more than each by itself: what they share."""
    return files.freed_bytes(*(tree for name in ticked for tree in trees[name]))
