"""One question before anything is downloaded."""

from __future__ import annotations

from collections.abc import Sequence

from mambench.analysis.words import counted
from mambench.app.context import Mambench
from mambench.environments.prefix import Draft
from mambench.environments.pypi.bootstrap import Agree
from mambench.errors import HomeError, UnavailableError, UsageError
from mambench.model import Reason
from mambench.system import files
from mambench.terminal.table import megabytes

UNPACKED_RATIO = 5
"""An environment on disk, its cache included, against its download (measured: torch 3.6, tensorflow 4.3)."""


def download_words(drafts: Sequence[Draft]) -> str:
    """What is to be downloaded; a size that nobody told is told as unknown."""
    known = megabytes(sum(draft.download_bytes for draft in drafts))
    unsized = sum(draft.unsized for draft in drafts)
    if not unsized:
        return f"{known} to download"
    of_all = f"{unsized} of {counted(sum(len(draft.downloads) for draft in drafts), 'package')}"
    if any(package.size_bytes for draft in drafts for package in draft.downloads):
        return f"at least {known} to download (the size of {of_all} is unknown)"
    return f"a download of unknown size ({of_all})"


def disk_words(drafts: Sequence[Draft], free_bytes: int, ratio: int = UNPACKED_RATIO) -> str:
    """What the drafts take on the disk against what is free, or that nobody can tell."""
    free = f"{megabytes(free_bytes)} free"
    if any(draft.unsized for draft in drafts):
        return f"whether it fits on the disk cannot be told ({free})"
    return f"about {megabytes(disk_bytes(drafts, ratio))} on disk ({free})"


def disk_bytes(drafts: Sequence[Draft], ratio: int = UNPACKED_RATIO) -> int:
    """About what the drafts take, their archives included, as far as sizes are known."""
    return sum(draft.download_bytes for draft in drafts) * ratio


def confirm(app: Mambench, drafts: tuple[Draft, ...], *, yes: bool, unpacked: bool = True) -> bool:
    """Tell what is downloaded and ask once for all. Raises UsageError where nobody can answer."""
    names = ", ".join(dict.fromkeys(draft.spec.name for draft in drafts))
    ratio = UNPACKED_RATIO if unpacked else 1
    free, disk = files.free_bytes(app.home.root), disk_bytes(drafts, ratio)
    if disk > free:
        raise HomeError(
            f"{names} need about {megabytes(disk)} of disk, {megabytes(free)} are free in {app.home.root}",
            remedy="free some disk space, or choose another --home",
        )
    nothing = not any(draft.downloads for draft in drafts)
    line = (
        f"{names}: nothing to download"
        if nothing
        else f"{names}: {download_words(drafts)}, {disk_words(drafts, free, ratio)}"
    )
    for draft in drafts:
        for warning in draft.warnings:
            app.terminal.say(f"{draft.spec.name}: {warning}")
    if yes or nothing:
        app.terminal.say(line)
        return True
    if not app.terminal.interactive:
        raise UsageError(line, remedy="add --yes to let it be downloaded")
    return app.terminal.confirm(f"{line}. Go on?")


def require(agree: Agree, drafts: tuple[Draft, ...]) -> None:
    """Go on only if the person agrees to what is downloaded. Raises UnavailableError."""
    if drafts and not agree(drafts):
        names = ", ".join(dict.fromkeys(draft.spec.name for draft in drafts))
        raise UnavailableError(Reason.SOURCE, f"{names}: not downloaded, as you chose")
