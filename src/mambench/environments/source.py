"""What every source of packages does: `conda`, `pypi`, `existing`; another one is a class with these three."""

from __future__ import annotations

from typing import Protocol

from mambench.environments.prefix import Draft
from mambench.model import Environment, EnvironmentSpec, OnEvent


class Source(Protocol):
    """What every source can do. `solve` and `install` raise ProvisionError, UnavailableError."""

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        """The environment if nothing needs doing."""

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent, /) -> Draft:
        """Find versions; nothing is installed."""

    def install(self, draft: Draft, on_event: OnEvent, /) -> Environment:
        """Build the prefix from the lock file; the caller holds its mutex."""
