"""How far an install is that micromamba does silently."""

from __future__ import annotations

import contextlib
from pathlib import Path

from mambench.environments.conda.cache import archives, file_names
from mambench.environments.prefix import Draft
from mambench.model import OnEvent, Provisioning
from mambench.system import addresses


class InstallProgress:
    """Bytes: the sizes of the archives that the cache lacked, as they grow in it; then packages linked."""

    def __init__(self, draft: Draft, cache: Path, on_event: OnEvent) -> None:
        self._name, self._cache, self._on_event = draft.spec.name, cache, on_event
        self._count, self._sizes = len(draft.packages), file_names(draft.missing or ())
        self._host = addresses.hosts_of(package.url for package in draft.missing or () if package.url)
        self._linked = self._done = 0

    def line(self, line: str) -> None:
        if line.lstrip().startswith("Linking "):
            self._linked += 1

    def received_bytes(self) -> int | None:
        """What has come; None while nothing is to come."""
        return self._done if self._host and not self._linked and self._done < sum(self._sizes.values()) else None

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
        self._done = done
        if done >= total:
            self._on_event(Provisioning(self._name, "unpacking", done, total or None))
        else:
            self._on_event(Provisioning(self._name, "downloading", done, total, host=self._host))
