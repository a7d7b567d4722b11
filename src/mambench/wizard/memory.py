"""The last selection, remembered in the home."""

from __future__ import annotations

import contextlib
import json
from dataclasses import asdict, replace
from typing import Any

from mambench.catalogue import plan as planning
from mambench.catalogue import presets
from mambench.model import DEFAULT_BENCHMARK, Catalogue, Choices
from mambench.system import addresses, contents, files
from mambench.system.home import Home
from mambench.wizard.offers import LARGEST_SIZE, fitting

FILE = "wizard.json"

_KEPT = ("environments", "benchmarks", "preset", "sizes", "dtypes", "threads", "source", "channels")


def recall(home: Home, catalogue: Catalogue) -> Choices | None:
    """What was chosen last, less what no longer exists; None if there is nothing, or nothing sound."""
    try:
        return sound(_choices(contents.json_in(contents.text_of(home.root / FILE))), catalogue)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def remember(home: Home, choices: Choices) -> None:
    """Write it; a home that cannot be written is no reason to stop. Channels with a login are left out."""
    kept = {name: value for name, value in asdict(choices).items() if name in _KEPT}
    kept["channels"] = [url for url in choices.channels if addresses.without_credentials(url) == url]
    with contextlib.suppress(OSError):
        files.write(home.root / FILE, json.dumps(kept, indent=1) + "\n")


def sound(choices: Choices, catalogue: Catalogue) -> Choices | None:
    """Choices without names that are gone; None without a stack or with values out of bounds."""
    names = tuple(name for name in choices.environments if name in catalogue.environments)
    numbers, words = (*choices.sizes, *choices.threads), (*choices.channels, *choices.dtypes)
    is_known = choices.preset in presets.PRESETS and choices.source in planning.SOURCES
    # JSON's `true` is an int for isinstance.
    in_bounds = all(type(number) is int and 0 < number <= LARGEST_SIZE for number in numbers)
    if not (names and is_known and in_bounds and all(isinstance(word, str) for word in words)):
        return None
    benchmarks = tuple(name for name in choices.benchmarks if name in catalogue.benchmarks) or (DEFAULT_BENCHMARK,)
    return fitting(replace(choices, environments=names, benchmarks=benchmarks), catalogue)


def _choices(content: dict[str, Any]) -> Choices:
    kept: dict[str, Any] = {name: content[name] for name in _KEPT if name in content}
    changes: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return replace(Choices(), **changes)
