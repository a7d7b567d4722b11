"""How far a download is that uv does silently."""

from __future__ import annotations

import re
from pathlib import Path

from mambench.environments.prefix import Draft
from mambench.model import OnEvent, Provisioning
from mambench.system import addresses, files

_UNPACKING = ".tmp*"
"""Folders in uv's cache: it unpacks a wheel there while it comes, so that no archive grows anywhere."""

_UNPACKED_WHEEL = 3.6
"""An unpacked wheel against its download (measured: scipy 3.2, torch 3.6); the bar rather lags than leads."""

_TICKS_A_LOOK = 4
"""A wheel may hold ten thousand files: they are counted once a second."""


class DownloadProgress:
    """Bytes of a download that uv does silently: packages that it reports, and what it is unpacking meanwhile."""

    def __init__(self, draft: Draft, cache: Path, on_event: OnEvent) -> None:
        self._name, self._on_event = draft.spec.name, on_event
        self._sizes = {package.name: package.size_bytes or 0 for package in draft.packages}
        self._total = sum(self._sizes.values())
        self._finished = self._done = self._ticks = 0
        self._phase = "downloading" if draft.downloads else "unpacking"
        self._host = addresses.hosts_of(package.url for package in draft.packages if package.url)
        self._cache, self._stale = cache, frozenset(cache.glob(_UNPACKING))

    def line(self, line: str) -> None:
        if match := re.match(r"\s*Downloaded ([A-Za-z0-9_.-]+)", line):
            self._finished += self._sizes.get(match[1].lower().replace("_", "-"), 0)
        elif line.startswith("Prepared "):
            self._phase = "installing"

    def tick(self) -> None:
        if self._phase == "installing":
            self._done = self._total
        elif self._phase == "downloading" and self._ticks % _TICKS_A_LOOK == 0:
            folders = [folder for folder in self._cache.glob(_UNPACKING) if folder not in self._stale]
            arriving = int(sum(files.tree_bytes(folder) for folder in folders) / _UNPACKED_WHEEL)
            self._done = min(self._total, max(self._done, self._finished + arriving))
        self._ticks += 1
        host = self._host if self._phase == "downloading" else ""
        self._on_event(Provisioning(self._name, self._phase, self._done, self._total or None, host=host))
