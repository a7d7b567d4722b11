"""Best effort: what a file, a call or a counter tells, or None where this computer does not."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psutil

T = TypeVar("T")

MISSING = (OSError, RuntimeError, LookupError, ValueError, AttributeError, TypeError, psutil.Error)
"""What psutil raises, or files give, where a container or a platform hides something."""


def best_effort(read: Callable[[], T]) -> T | None:
    """What `read` returns, or None where this computer does not tell."""
    try:
        return read()
    except MISSING:
        return None


def read_text(path: Path) -> str | None:
    """A small file's text without its end of line and NUL bytes; None where it cannot be read."""
    try:
        return path.read_bytes().decode(errors="replace").strip(" \t\r\n\0")
    except OSError:
        return None


def read_number(path: Path) -> float | None:
    """A file that holds one number; None for anything else, such as `max`."""
    text = read_text(path)
    try:
        value = math.nan if text is None else float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def smallest(*values: float | None) -> int | None:
    """The smallest of those that are known."""
    known = [int(value) for value in values if value is not None]
    return min(known, default=None)
