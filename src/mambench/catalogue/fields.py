"""A TOML table whose mistakes are told with file, line and field, and the nearest names for a wrong one."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from mambench.errors import ManifestError


def nearest(name: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or all that there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {', '.join(close)}?" if close else f"there is {', '.join(known)}"


class Table:
    """A TOML table that knows where it lies and which of its fields nobody asked for."""

    def __init__(self, content: dict[str, Any], file: Path, text: str, path: str = "") -> None:
        self._content, self._file, self._text, self._path = content, file, text, path
        self._asked: set[str] = set()
        self._tables: list[Table] = []

    @classmethod
    def read(cls, file: Path) -> Table:
        try:
            text = file.read_text(encoding="utf-8")
            return cls(tomllib.loads(text), file, text)
        except tomllib.TOMLDecodeError as error:
            raise ManifestError(f"{file}: {error}", remedy="correct that line; the format is TOML") from error
        except (OSError, UnicodeDecodeError) as error:
            raise ManifestError(f"{file}: {error}", remedy="see that the file can be read as UTF-8") from error

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
                raise self.error(field, f"{value!r} is not a text in quotes")
            if choices and value not in choices:
                raise self.error(field, f"there is no {value!r}; {nearest(value, choices)}")
        if not values and default is None:
            raise self.error(field, "the list is empty")
        return tuple(values)

    def setting(self, field: str) -> str | int | tuple[str, ...]:
        kind = type(self._content.get(field))
        return self.texts(field) if kind is list else self.number(field) or 0 if kind is int else self.text(field)

    def strings(self, field: str) -> Mapping[str, str]:
        values = self._get(field, dict, "a table of texts", {})
        for name, value in values.items():
            if not isinstance(value, str):
                raise self.error(f"{field}.{name}", f"{value!r} is not a text in quotes")
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
            raise self.error(field, f"{value!r} is not {description}")
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
