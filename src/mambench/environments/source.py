"""What every source of packages does: `conda`, `pypi`, `existing`; another one is a class with these."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from mambench.environments.integrity import PackageOnDisk
from mambench.environments.prefix import Draft
from mambench.model import Environment, EnvironmentSpec, OnEvent


class Source(Protocol):
    """What every source can do. `solve`, `locked` and `install` raise ProvisionError, UnavailableError."""

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        """The environment if nothing needs doing."""

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent, /) -> Draft:
        """Find versions; nothing is installed."""

    def locked(self, spec: EnvironmentSpec, lock_file: str, on_event: OnEvent, /) -> Draft:
        """What a lock file says, in the place of what would be solved today."""

    def install(self, draft: Draft, on_event: OnEvent, /) -> Environment:
        """Build the prefix from the lock file; the caller holds its mutex."""

    def contents(self, prefix: Path) -> Iterable[PackageOnDisk]:
        """The packages in a prefix that it made."""

    def cached(self) -> Iterable[PackageOnDisk]:
        """The unpacked packages that it keeps for other prefixes."""

    def forget(self, package: PackageOnDisk) -> None:
        """Remove one of those, so that it is downloaded again. Raises OSError."""
