"""Whether a stack was run by us: on a system, there under wine, or never; and when. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from mambench.model import EnvironmentSpec

TESTED = re.compile(r"(\d{4}-\d{2}-\d{2})( under wine)?")
"""What a recipe's `tested` says for a platform."""


@dataclass(frozen=True)
class Evidence:
    """What stands behind "it works there"; a user's own recipe may say that it was run, but not when."""

    state: Literal["run", "wine", "never"]
    date: str | None = None

    @property
    def words(self) -> str:
        """In a list; nothing for what its owner vouches for."""
        if self.state == "never":
            return "never run by us"
        if self.date is None:
            return ""
        return f"run by us{' under wine' if self.state == 'wine' else ''} on {self.date}"


def evidence(spec: EnvironmentSpec, platform: str) -> Evidence:
    """That for a platform."""
    if match := TESTED.fullmatch(spec.tested_on.get(platform, "")):
        return Evidence("wine" if match[2] else "run", match[1])
    return Evidence("run" if spec.tested and not spec.tested_on else "never")
