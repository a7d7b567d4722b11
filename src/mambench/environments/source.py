"""What every source of packages does: `conda`, `pypi`, `existing`; another one is a class with these."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from mambench.environments.integrity import PackageOnDisk
from mambench.environments.kit import Entry, Kit
from mambench.environments.prefix import Draft
from mambench.model import Environment, EnvironmentSpec, OnEvent


class Source(Protocol):
    """What every source can do. What makes drafts, fetches or installs raises ProvisionError, UnavailableError."""

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        """The environment if nothing needs doing."""

    def from_kit(self, spec: EnvironmentSpec, on_event: OnEvent, /) -> Draft | None:
        """What the kit in the home has for it; `install` holds it against its hashes."""

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent, /) -> Draft:
        """Find versions; nothing is installed."""

    def locked(self, spec: EnvironmentSpec, lock_file: str, on_event: OnEvent, /) -> Draft:
        """What a lock file says, in the place of what would be solved today."""

    def fetch(self, draft: Draft, kit: Kit, on_event: OnEvent, /, *, needs: Sequence[str] = ()) -> Entry:
        """Put what `install` needs into a kit, which tells what else it `needs`. Raises NetworkError too."""

    def install(self, draft: Draft, on_event: OnEvent, /) -> Environment:
        """Build the prefix from the lock file; the caller holds its mutex."""

    def contents(self, prefix: Path) -> Iterable[PackageOnDisk]:
        """The packages in a prefix that it made."""

    def cached(self) -> Iterable[PackageOnDisk]:
        """The unpacked packages that it keeps for other prefixes."""

    def forget(self, package: PackageOnDisk) -> None:
        """Remove one of those, so that it is downloaded again. Raises OSError."""
