"""Single values of JSON, each of the type that it is said to have; TypeError or ValueError says what it is instead."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar, cast, get_args

from mambench.model import SourceName

Read = TypeVar("Read")

SOURCES: tuple[SourceName, ...] = get_args(SourceName)
LARGEST = 2**63
"""Whole numbers of JSON, as other programs read them, and of TOML lie below."""

LONGEST_SHOWN = 40
"""Characters of a value in a message."""

_STEERS = re.compile(r"[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What steers a terminal or turns the direction of what stands beside it: a report may come from anybody."""

_HALVES = re.compile(r"[\ud800-\udfff]")
"""Of a name that is no UTF-8: no stream takes them."""

_INSTEAD = "\N{REPLACEMENT CHARACTER}"


def cleaned(text: str, *, instead: str = _INSTEAD) -> str:
    """A text without what steers a terminal or the direction of writing; something else stands there instead."""
    return text if text.isprintable() else _HALVES.sub(_INSTEAD, _STEERS.sub(instead, text))


def maybe(read: Callable[[Any], Read], value: Any) -> Read | None:
    return None if value is None else read(value)


def several(read: Callable[[Any], Read], values: Any) -> tuple[Read, ...]:
    if not isinstance(values, list):
        raise TypeError(f"a list is expected, not {shown(values)}")
    return tuple(read(value) for value in values)


def table(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TypeError(f"a table is expected, not {shown(value)}")
    return value


def texts(value: Any) -> dict[str, str]:
    return {text(name): text(item) for name, item in table(value).items()}


def text(value: Any) -> str:
    return cleaned(string(value))


def string(value: Any) -> str:
    """As it stands there: a path, an address."""
    if not isinstance(value, str):
        raise TypeError(f"a text is expected, not {shown(value)}")
    return value


def word(value: Any) -> str:
    """A string with something in it."""
    if not string(value):
        raise ValueError("a text is empty")
    return str(value)


def number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"a number is expected, not {shown(value)}")
    return float(value)


def positive(value: Any) -> float:
    if not number(value) > 0:
        raise ValueError(f"a number above 0 is expected, not {shown(value)}")
    return float(value)


def whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) >= LARGEST:
        raise TypeError(f"a whole number is expected, not {shown(value)}")
    return value


def at_least_one(value: Any) -> int:
    if whole(value) < 1:
        raise ValueError(f"a number above 0 is expected, not {shown(value)}")
    return int(value)


def instant(value: Any) -> str:
    datetime.strptime(text(value), "%Y-%m-%dT%H:%M:%SZ")
    return str(value)


def flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"true or false is expected, not {shown(value)}")
    return value


def known(value: Any, known: tuple[str, ...], what: str) -> str:
    if value not in known:
        raise ValueError(f"{what} {shown(value)} is none of {', '.join(known)}")
    return str(value)


def source(value: Any) -> SourceName:
    return cast(SourceName, known(value, SOURCES, "source"))


def anything(value: Any) -> Any:
    """Facts and conditions: whatever the worker told, its texts cleaned."""
    if isinstance(value, str):
        return cleaned(value)
    if isinstance(value, Mapping):
        return {cleaned(str(name)): anything(item) for name, item in value.items()}
    if isinstance(value, list):
        return [anything(item) for item in value]
    if value is None or isinstance(value, bool):
        return value
    return whole(value) if isinstance(value, int) else number(value)


def shown(value: Any) -> str:
    try:
        text = cleaned(repr(value))
    except (ValueError, RecursionError):  # a number of many digits, what is nested deeply
        text = type(value).__name__
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."
