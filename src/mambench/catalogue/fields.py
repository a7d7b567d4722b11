"""A TOML table whose mistakes are told with file, line and field, and the nearest names for a wrong one."""

from __future__ import annotations

import difflib
import math
import re
import reprlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mambench.errors import ManifestError
from mambench.system import contents

LARGEST_BYTES = 256_000
"""Of a file of the catalogue: ours have up to 5 kB."""

_LONGEST_SHOWN = 100
"""Characters of a value in a message."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or all that there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}?" if close else f"there is {', '.join(known)}"


def shown(value: Any) -> str:
    """A value in a message, cut where it is long or deep."""
    limits = reprlib.Repr()
    limits.maxstring = limits.maxother = limits.maxlong = _LONGEST_SHOWN
    return limits.repr(value)


class Table:
    """A TOML table that knows where it lies and which of its fields nobody asked for."""

    def __init__(self, content: dict[str, Any], file: Path, text: str, path: str = "") -> None:
        self._content, self._file, self._text, self._path = content, file, text, path
        self._asked: set[str] = set()
        self._tables: list[Table] = []

    @classmethod
    def read(cls, file: Path) -> Table:
        """The table in a file. Raises ManifestError."""
        try:
            text = contents.text_of(file, largest=LARGEST_BYTES)
        except (OSError, ValueError) as error:
            remedy = "see that it is a file that can be read as UTF-8"
            raise ManifestError(f"{file}: {contents.words(error)}", remedy=remedy) from error
        try:
            return cls(contents.toml_in(text), file, text)
        except ValueError as error:
            raise ManifestError(f"{file}: {error}", remedy="correct it; the format is TOML") from error

    def fill(self, other: Table, *, except_for: tuple[str, ...]) -> None:
        """Take the fields that are missing from another table."""
        kept = {name: value for name, value in other._content.items() if name not in except_for}
        self._content = {**kept, **self._content}

    def error(self, field: str, problem: str) -> ManifestError:
        full = f"{self._path}.{field}" if self._path else field
        line = _line_of(full.split("."), self._text)
        return ManifestError(f"{self._file}, line {line}, field {full}: {problem}", remedy="correct that field")

    def text(self, field: str, default: str | None = None) -> str:
        value = self._get(field, str, "a text in quotes", default)
        if not value and default is None:
            raise self.error(field, "it is empty")
        return str(value)

    def number(self, field: str) -> int | None:
        value = self._get(field, int, "a whole number", 0)
        if value < 0:
            raise self.error(field, f"{value} is less than 0")
        return int(value) or None

    def flag(self, field: str, *, default: bool) -> bool:
        return bool(self._get(field, bool, "true or false", default))

    def texts(
        self, field: str, *, choices: tuple[str, ...] = (), default: tuple[str, ...] | None = None
    ) -> tuple[str, ...]:
        values = self._get(field, list, "a list of texts", None if default is None else list(default))
        for value in values:
            if not isinstance(value, str) or not value:
                raise self.error(field, f"{shown(value)} is not a text in quotes")
            if choices and value not in choices:
                raise self.error(field, f"there is no {shown(value)}; {nearest(value, choices)}")
        if not values and default is None:
            raise self.error(field, "the list is empty")
        return tuple(values)

    def numbers(self, field: str) -> tuple[int | dict[str, int], ...]:
        """Whole numbers of 1 or more, or tables of such."""
        values = self._get(field, list, "a list", None)
        for value in values:
            for number in value.values() if isinstance(value, dict) else [value]:
                if type(number) is not int or number < 1:
                    raise self.error(field, f"{shown(number)} is no whole number of at least 1")
        if not values:
            raise self.error(field, "the list is empty")
        return tuple(values)

    def anything(self, *, except_for: tuple[str, ...] = ()) -> dict[str, Any]:
        """Texts, numbers, and lists or tables of them, which are only handed on."""
        self._asked |= set(self._content)
        kept = {name: value for name, value in self._content.items() if name not in except_for}
        for name, value in kept.items():
            parts = value if isinstance(value, list) else value.values() if isinstance(value, dict) else [value]
            if not all(
                isinstance(part, str | int) or (isinstance(part, float) and math.isfinite(part)) for part in parts
            ):
                raise self.error(name, f"{shown(value)} is neither a text nor a number nor some of them")
        return kept

    def strings(self, field: str) -> Mapping[str, str]:
        values = self._get(field, dict, "a table of texts", {})
        for name, value in values.items():
            if not isinstance(value, str):
                raise self.error(f"{field}.{name}", f"{shown(value)} is not a text in quotes")
        return dict(values)

    def table(self, field: str) -> Table | None:
        content = self._get(field, dict, "a table", {})
        if not content and field not in self._content:
            return None
        table = Table(content, self._file, self._text, f"{self._path}.{field}" if self._path else field)
        self._tables.append(table)
        return table

    def is_table(self, field: str) -> bool:
        return isinstance(self._content.get(field), dict)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._content)

    def finish(self) -> None:
        for name in self._content:
            if name not in self._asked:
                raise self.error(name, f"this field is not known; {nearest(name, self._asked)}")
        for table in self._tables:
            table.finish()

    def _get(self, field: str, kind: type, description: str, default: Any) -> Any:
        self._asked.add(field)
        if field not in self._content:
            if default is None:
                raise self.error(field, "this field is missing")
            return default
        value = self._content[field]
        if type(value) is not kind:
            raise self.error(field, f"{shown(value)} is not {description}")
        return value


def _line_of(field: list[str], text: str) -> int:
    """The line of a field, or of the innermost table around it that can be found."""
    lines, at = text.splitlines(), 0
    for depth, name in enumerate(field, 1):
        dotted = r"\s*\.\s*".join(_key(part) for part in field[:depth])
        header = _first(lines, rf"\s*\[\s*{dotted}\s*\]", begin=0)
        if header is not None:
            at = header
            continue
        end = _first(lines, r"\s*\[", begin=at + (depth > 1))
        line = _first(lines[:end], rf"\s*{_key(name)}\s*[.=]", begin=at)
        at = at if line is None else line
    return at + 1


def _first(lines: list[str], pattern: str, *, begin: int) -> int | None:
    return next((number for number in range(begin, len(lines)) if re.match(pattern, lines[number])), None)


def _key(name: str) -> str:
    return rf"[\"']?{re.escape(name)}[\"']?"
