"""What stacks and benchmarks have in common in their files: a name and the devices that they run on."""

from __future__ import annotations

import re
from pathlib import Path

from mambench.catalogue.fields import Table
from mambench.errors import ManifestError
from mambench.model import DeviceKind

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]*\Z")
NAMING = "use small letters, digits, dashes, dots and underscores"


def devices_of(table: Table) -> tuple[DeviceKind, ...]:
    return tuple(DeviceKind(word) for word in table.texts("devices", choices=tuple(DeviceKind)))


def is_name(name: str) -> bool:
    """Whether a benchmark or a stack can be called so."""
    return _NAME.match(name) is not None


def name_of(name: str, file: Path) -> str:
    if not is_name(name):
        raise ManifestError(f"{file}: {name!r} cannot be a name", remedy=NAMING)
    return name
