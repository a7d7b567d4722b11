"""What files and programs say, read with care: a regular file of a bearable size, and text that no parser chokes on.

Whatever is wrong is an OSError or a ValueError, in words.
"""

from __future__ import annotations

import errno
import json
import re
import stat
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from mambench.system import values

LARGEST_BYTES = 16_000_000
"""Of what has no bound of its own, such as lock files and markers: torch's with CUDA have 0.1 MB."""

LONGEST_KEY = 100
"""Parts of a dotted key: `tomllib` takes time that grows with their square."""

_TOML_TEXT = re.compile(r"""\"(?:\\.|[^"\\])*+(?:"|$)|'[^']*+(?:'|$)""")


def bytes_of(path: Path, *, largest: int = LARGEST_BYTES) -> bytes:
    """The content of a regular file, or of one that a link names. Raises OSError, for anything else or larger too."""
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "it is not a regular file", str(path))
    if status.st_size > largest:
        problem = f"it has {status.st_size / 1e6:,.1f} MB, and at most {largest / 1e6:,.1f} MB are read"
        raise OSError(errno.EFBIG, problem, str(path))
    with path.open("rb") as stream:
        return stream.read(status.st_size)  # what another program appends meanwhile is for the next look


def text_of(path: Path, *, largest: int = LARGEST_BYTES) -> str:
    """The same as text. Raises OSError, ValueError."""
    return bytes_of(path, largest=largest).decode("utf-8")


def json_in(text: str | bytes, **options: Any) -> Any:
    """What a text of JSON says. Raises ValueError."""
    return _parsed(lambda: json.loads(text, **options))


def toml_in(text: str) -> dict[str, Any]:
    """What a text of TOML says: numbers in 64 bits, and no NUL, which no path, variable or command can hold.

    Raises ValueError.
    """
    _require_short_keys(text)
    content: dict[str, Any] = _parsed(lambda: tomllib.loads(text))
    for value in _parsed(lambda: list(_values(content))):
        if isinstance(value, int) and abs(value) >= values.LARGEST:
            raise ValueError("a whole number has more than 64 bits")
        if isinstance(value, str) and "\0" in value:
            raise ValueError(f"a text holds the character NUL: {value[:40]!r}")
    return content


def words(error: Exception) -> str:
    """What is wrong, without the number of an OSError and the file that it names."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__


def _parsed(parse: Callable[[], Any]) -> Any:
    try:
        return parse()
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def _require_short_keys(text: str) -> None:
    for number, line in enumerate(text.split("\n"), 1):
        if line.count(".") > LONGEST_KEY and _TOML_TEXT.sub("", line).partition("#")[0].count(".") > LONGEST_KEY:
            raise ValueError(f"line {number}: a key of more than {LONGEST_KEY} parts")


def _values(content: Any) -> Iterator[Any]:
    """Every name and every value in tables and lists."""
    if isinstance(content, Mapping):
        yield from content
        content = content.values()
    elif not isinstance(content, list):
        yield content
        return
    for each in content:
        yield from _values(each)
