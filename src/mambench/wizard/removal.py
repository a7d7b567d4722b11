"""Environments with their sizes, ticked, confirmed and removed."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

from mambench.app.context import Mambench
from mambench.environments import prefix as prefixes
from mambench.environments import provision as environments
from mambench.system import files
from mambench.terminal.table import megabytes
from mambench.wizard.ask import Asker
from mambench.wizard.pages import Back, Option, Page

CACHES = "/caches"
"""No prefix can be called so."""


def remove(app: Mambench, ask: Asker) -> None:
    """Ask which, ask whether, remove. Raises Back, HomeError."""
    found = {each.prefix.name: each for each in prefixes.existing(app.home)}
    caches = [folder for folder in (app.home.cache, app.home.mamba_root) if folder.is_dir()]
    trees = {name: [files.files_in(each.prefix)] for name, each in found.items()}
    trees[CACHES] = [files.files_in(folder) for folder in caches]
    rows = [Option(name, each.name, _words(each, files.freed_bytes(*trees[name]))) for name, each in found.items()]
    if any(trees[CACHES]):
        words = (
            f"{megabytes(files.freed_bytes(*trees[CACHES]))}, what was downloaded; it is downloaded again when needed"
        )
        rows.append(Option(CACHES, "caches", words))
    summary = functools.partial(_summary, trees=trees)
    ticked = ask.tick(Page("What shall be removed?"), rows, summary, at_least="Tick one at least: the space bar does.")
    page = Page("Remove", tuple((row.label, row.detail) for row in rows if row.value in ticked))
    if not ask.agree(page, f"Remove {megabytes(_freed(ticked, trees))}?", default=False):
        raise Back
    with app.alone("mambench env remove"):
        freed = environments.remove_all(
            app.home,
            [found[name] for name in ticked if name in found],
            caches=caches if CACHES in ticked else (),
            on_event=app.terminal.on_event,
        )
    app.terminal.stop_progress()
    app.terminal.say(f"{megabytes(freed)} are free again")


def _words(found: prefixes.Installed, size: int) -> str:
    if found.marker is None:
        return f"{megabytes(size)}, unfinished"
    return f"{megabytes(size)}, from {found.marker['source']} with python {found.marker['python']}"


def _summary(ticked: tuple[str, ...], *, trees: Mapping[str, Sequence[files.Files]]) -> str:
    return f"{megabytes(_freed(ticked, trees))} would be free again" if ticked else "nothing is ticked yet"


def _freed(ticked: Sequence[str], trees: Mapping[str, Sequence[files.Files]]) -> int:
    """Together they may free more than each by itself: what they share."""
    return files.freed_bytes(*(tree for name in ticked for tree in trees[name]))
