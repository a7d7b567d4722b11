"""The entry of a result that is most wrong, where a check can tell it: as an event has it, and in words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# Digits that are shown of two numbers, and all that tell one float64 from the next.
LEAST_DIGITS, MOST_DIGITS = 5, 17


@dataclass(frozen=True)
class WrongEntry:
    """Where it is, counted from 0, what is there and what should be, and words on how many others are wrong."""

    index: tuple[int, ...]
    value: float
    expected: float
    others: str = ""

    @property
    def content(self) -> dict[str, Any]:
        """For an event: JSON knows finite numbers only."""
        numbers = {"value": self.value, "expected": self.expected}
        return {"index": self.index, **{name: each if math.isfinite(each) else None for name, each in numbers.items()}}

    @property
    def words(self) -> str:
        """Of the two numbers as many digits as tell them apart."""
        digits = (f"{{:.{count}g}}".format for count in range(LEAST_DIGITS, MOST_DIGITS + 1))
        shown = ((_shown(self.value, each), _shown(self.expected, each)) for each in digits)
        value, expected = next((pair for pair in shown if pair[0] != pair[1]), (repr(self.value), repr(self.expected)))
        others = f", {self.others}" if self.others else ""
        return f"entry {list(self.index)} is {value} and should be {expected}{others}"


def wrong_entry_of(told: Any) -> WrongEntry | None:
    """Return what a check's wrong_entry gave: None, or index, value, expected value and, if it likes, words.

    Raises TypeError and ValueError for anything else.
    """
    if told is None:
        return None
    index, value, expected, *others = told
    return WrongEntry(tuple(int(each) for each in index), float(value), float(expected), " ".join(others))


def _shown(value: float, finite: Any) -> str:
    if math.isnan(value):
        return "NaN"
    return str(finite(value)) if math.isfinite(value) else "infinite" if value > 0 else "minus infinite"
