"""How far an install is that micromamba does silently."""

from __future__ import annotations

import contextlib
from pathlib import Path

from mambench.environments.conda.cache import archives, file_names
from mambench.environments.prefix import Draft
from mambench.model import OnEvent, Provisioning


class InstallProgress:
    """Bytes: the sizes of the archives that the cache lacked, as they grow in it; then packages linked."""

    def __init__(self, draft: Draft, cache: Path, on_event: OnEvent) -> None:
        self._name, self._cache, self._on_event = draft.spec.name, cache, on_event
        self._count, self._sizes = len(draft.packages), file_names(draft.missing or ())
        self._linked = 0

    def line(self, line: str) -> None:
        if line.lstrip().startswith("Linking "):
            self._linked += 1

    def tick(self) -> None:
        if self._linked or not self._sizes:
            phase = f"linking package {self._linked} of {self._count}" if self._linked else "linking"
            self._on_event(Provisioning(self._name, phase))
            return
        done = 0
        for archive in archives(self._cache, self._sizes):
            with contextlib.suppress(OSError):
                done += min(archive.stat().st_size, self._sizes[archive.name])
        total = sum(self._sizes.values())
        phase = "unpacking" if done >= total else "downloading"
        self._on_event(Provisioning(self._name, phase, done, total or None))
