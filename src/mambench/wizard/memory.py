"""The last selection, remembered in the home."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, replace
from typing import Any

from mambench.catalogue import plan as planning
from mambench.catalogue import presets
from mambench.model import DTYPES, Catalogue, Choices
from mambench.system import addresses, files
from mambench.system.home import Home

FILE = "wizard.json"

_KEPT = ("environments", "preset", "sizes", "dtypes", "threads", "source", "channels")


def recall(place: Home, catalogue: Catalogue) -> Choices | None:
    """What was chosen last, less what no longer exists; None if there is nothing, or nothing sound."""
    try:
        content = json.loads((place.root / FILE).read_text(encoding="utf-8"))
        return sound(_choices(content), catalogue)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def remember(place: Home, choices: Choices) -> None:
    """Write it; a home that cannot be written is no reason to stop. Channels with a login are left out."""
    kept = {name: value for name, value in asdict(choices).items() if name in _KEPT}
    kept["channels"] = [one for one in choices.channels if addresses.without_credentials(one) == one]
    with contextlib.suppress(OSError):
        files.write(place.root / FILE, json.dumps(kept, indent=1) + "\n")


def sound(choices: Choices, catalogue: Catalogue) -> Choices | None:
    """Choices without names that are gone; None without a stack or with values out of bounds."""
    names = tuple(name for name in choices.environments if name in catalogue.environments)
    numbers = [*choices.sizes, *choices.threads]
    known = choices.preset in presets.PRESETS and choices.source in planning.SOURCES
    if not names or not known or not all(type(one) is int and 0 < one <= planning.LARGEST_SIZE for one in numbers):
        return None
    if not all(isinstance(one, str) for one in (*choices.channels, *choices.dtypes)):
        return None
    return replace(choices, environments=names, dtypes=tuple(one for one in choices.dtypes if one in DTYPES))


def _choices(content: dict[str, Any]) -> Choices:
    kept: dict[str, Any] = {name: content[name] for name in _KEPT if name in content}
    changes: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in kept.items()}
    return replace(Choices(), **changes)
