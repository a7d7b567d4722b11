"""`mambench completion --words KIND`: the names that a home adds, for the completion of a shell.

It answers while a person waits after TAB: nothing is parsed, logged, written or complained of.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mambench.errors import ExitCode, MambenchError
from mambench.system import streams

if TYPE_CHECKING:
    from mambench.system.home import Home

OPTION = "--words"

_SAFE = re.compile(r"[a-z0-9][A-Za-z0-9_.-]*")
"""Shells expand what they are offered once more: a file called `$(reboot).toml` must not be among it."""


def write(kind: str) -> ExitCode:
    """Write the names of a kind, a line each; none where they cannot be found."""
    from mambench.app.homes import home_from

    try:
        names = list(KINDS[kind](home_from(None, os.environ)))
    except (MambenchError, OSError, KeyError):
        names = []
    streams.write("".join(f"{name}\n" for name in names if _SAFE.fullmatch(name)), sys.stdout)
    return ExitCode.OK


def _stacks(home: Home) -> list[str]:
    from mambench.system import resources

    return _sorted(path.stem for path in _in(resources.environments(), home.user_environments, "*.toml"))


def _benchmarks(home: Home) -> list[str]:
    from mambench.system import resources

    return _sorted(path.parent.name for path in _in(resources.benchmarks(), home.user_benchmarks, "*/benchmark.toml"))


def _results(home: Home) -> list[str]:
    """The ids, of which a report's name ends in one, newest first."""
    files = sorted((path.stem for path in home.results.glob("*.json")), reverse=True)
    return ["latest", *(stem.rpartition("-")[2] for stem in files)] if files else []


def _in(ours: Path, own: Path, pattern: str) -> Iterator[Path]:
    for folder in (ours, own):
        yield from folder.glob(pattern)


def _sorted(names: Iterator[str]) -> list[str]:
    return sorted(set(names))


KINDS: Mapping[str, Callable[[Home], list[str]]] = {"stacks": _stacks, "benchmarks": _benchmarks, "results": _results}
