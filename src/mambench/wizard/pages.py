"""What a page holds, whoever shows it: facts, options, and their lines at a given width. Pure."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

Line = list[tuple[str, str]]
"""One line on the screen: (style, text)."""


class Back(Exception):
    """The person stepped back."""


class Leave(Exception):
    """The person leaves from wherever that was."""


@dataclass(frozen=True)
class Option:
    """One row to choose; `disabled` says why it cannot be; one that `opens` leads to another page."""

    value: str
    label: str
    detail: str = ""
    group: str = ""
    disabled: str = ""
    ticked: bool = False
    opens: bool = False


@dataclass(frozen=True)
class Page:
    """A heading, and what is to be known before an answer: (name, words) pairs; without a name a paragraph."""

    title: str
    facts: tuple[tuple[str, str], ...] = ()


def fact_lines(facts: Sequence[tuple[str, str]], width: int) -> list[Line]:
    """Names in a column of their own, words wrapped beside them; nothing is cut."""
    column = max((len(name) for name, _ in facts if name), default=0) + 2
    narrow = column > width // 2
    lines: list[Line] = []
    for name, words in facts:
        if not name or narrow:
            lines += [[("class:name", name)]] if name else []
            lines += [[("", part)] for part in wrapped(words, width)]
            continue
        first, *rest = wrapped(words, width - column)
        lines.append([("class:name", name.ljust(column)), ("", first)])
        lines += [[("", " " * column + part)] for part in rest]
    return lines


def wrapped(words: str, width: int) -> list[str]:
    """The lines of a text, broken at spaces, in a word only where it is longer than a line; one at least.

    A line that ends in a backslash, as in a command over several lines, keeps its end.
    """
    lines = []
    for paragraph in words.split("\n"):
        lines += textwrap.wrap(paragraph, max(width, 8), break_on_hyphens=False) or [""]
    return lines


def clipped(lines: list[Line], height: int) -> list[Line]:
    """The first lines, and how many do not fit: nothing is cut silently."""
    if len(lines) <= height:
        return lines
    kept = max(0, height - 1)
    return [*lines[:kept], [("class:note", f"({len(lines) - kept} lines more: make the window higher)")]]


def command_lines(words: Sequence[str], width: int, *, continued: str = " \\") -> list[str]:
    """A command broken between words, so that the lines can be copied into a shell as they are."""
    lines, line = [], ""
    for word in words:
        longer = f"{line} {word}" if line else word
        if line and len(longer) + len(continued) > width:
            lines.append(line + continued)
            longer = f"  {word}"
        line = longer
    return [*lines, line]
