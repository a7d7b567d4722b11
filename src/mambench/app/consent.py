"""One question before anything is downloaded."""

from __future__ import annotations

from mambench.app.context import Mambench
from mambench.environments.prefix import Draft
from mambench.errors import HomeError, UsageError
from mambench.system import files
from mambench.terminal.table import megabytes

UNPACKED_RATIO = 5
"""An environment on disk, its cache included, against its download (measured: torch 3.6, tensorflow 4.3)."""


def confirm(app: Mambench, drafts: tuple[Draft, ...], *, yes: bool) -> bool:
    """Tell what is downloaded and ask once for all. Raises UsageError where nobody can answer."""
    download = sum(draft.download_bytes for draft in drafts)
    names = ", ".join(draft.spec.name for draft in drafts)
    free = files.free_bytes(app.home.root)
    disk = download * UNPACKED_RATIO
    if disk > free:
        raise HomeError(
            f"{names} need about {megabytes(disk)} of disk, {megabytes(free)} are free in {app.home.root}",
            remedy="free some disk space, or choose another --home",
        )
    line = f"{names}: {megabytes(download)} to download, about {megabytes(disk)} on disk ({megabytes(free)} free)"
    for draft in drafts:
        for warning in draft.warnings:
            app.terminal.say(f"{draft.spec.name}: {warning}")
    if yes or not any(draft.downloads for draft in drafts):
        app.terminal.say(line)
        return True
    if not app.terminal.interactive:
        raise UsageError(line, remedy="add --yes to let it be downloaded")
    return app.terminal.confirm(f"{line}. Go on?")
