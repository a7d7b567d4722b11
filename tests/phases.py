"""The phases of a `run` from nothing, the points at which it is killed in them, and what a kill may not leave.

Also read by programs that run on Windows.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mambench.environments import integrity, prefix
from mambench.environments.conda import integrity as conda
from mambench.environments.pypi import integrity as pypi

SECONDS = {"resolving": 1.6, "downloading": 1.2, "linking": 0.8, "marking": 0.2, "measuring": 2.0, "saving": 0.4}
"""The phases, and about how long each takes."""

ORDER = list(SECONDS)

_SIGNS = {
    "conda": {
        "downloading": "envs/*/conda-meta",
        "linking": "envs/*/conda-meta/*.json",
        "marking": "private/home/.conda/environments.txt",  # micromamba's last word
    },
    "pypi": {
        "downloading": "envs/*/pyvenv.cfg",
        "linking": "envs/*/lib/*/site-packages/numpy",
        "marking": "envs/*/lib/*/site-packages/numpy-*.dist-info/INSTALLER",  # uv's
    },
    "pypi on Windows": {
        "downloading": "e/*/pyvenv.cfg",
        "linking": "e/*/Lib/site-packages/numpy",
        "marking": "e/*/Lib/site-packages/numpy-*.dist-info/INSTALLER",
    },
}
_THEN = {"measuring": "results/*.json", "saving": "results/*"}
"""What in the home shows that a phase has begun; that of saving holds samples."""

_MADE = ("envs", "mamba", "cache", "e", "u")


@dataclass(frozen=True)
class Point:
    """A moment to kill a run: so long after a phase began. `afresh`: of a run that finds nothing made before."""

    phase: str
    seconds: float
    afresh: bool

    def __str__(self) -> str:
        return (
            f"killed {self.seconds:.3f} s after {self.phase} began, {'afresh' if self.afresh else 'on what was left'}"
        )


def points(chance: random.Random, times: int, *, slower: float = 1.0) -> Iterator[Point]:
    """In each phase in turn, most of them soon after it began: uv links in milliseconds.

    Six of twelve begin afresh, the others with what those before have left.
    """
    for each in range(times):
        phase = ORDER[each % len(ORDER)]
        yield Point(phase, slower * SECONDS[phase] * chance.random() ** 3, each // len(ORDER) % 2 == 0)


def clear(home: Path) -> None:
    """Remove what runs have made and downloaded; their reports stay."""
    for folder in _MADE:
        shutil.rmtree(home / folder, ignore_errors=True)


def reached(phase: str, home: Path, kind: str, since: float) -> bool:
    """Whether a run that began at `since` is in a phase or further."""
    return ORDER.index(last_begun(home, kind, since)) >= ORDER.index(phase)


def last_begun(home: Path, kind: str, since: float) -> str:
    """The last phase of which a run that began at `since` shows a sign."""
    signs = _SIGNS[kind] | _THEN
    begun = [phase for phase, sign in signs.items() if any(_shows(phase, path, since) for path in home.glob(sign))]
    return begun[-1] if begun else ORDER[0]


def _shows(phase: str, path: Path, since: float) -> bool:
    """Whether a file is a sign: made or changed since then; what has just gone is none."""
    try:
        return path.stat().st_ctime >= since and (phase != "saving" or b'"samples"' in path.read_bytes())
    except OSError:
        return False


def damage(environments: Path) -> list[str]:
    """What those that count as ready lack, and which of their files are not as their packages have them."""
    return [f"{made.name}: {wrong}" for made in environments.glob("*/") for wrong in _wrong_in(made)]


def _wrong_in(made: Path) -> list[str]:
    if (installed := prefix.look(made)).marker is None:
        return []
    source = {"conda": conda, "pypi": pypi}[installed.marker.source]
    packages = list(source.in_prefix(made))
    own = {made / name for name in installed.marker.own_files}
    words = [f"{path} {problem}" for _, path, problem in integrity.damage(packages, full=True) if path not in own]
    return [*integrity.missing(installed.packages(), packages), *installed.own_damage(), *words]
