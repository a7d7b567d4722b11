"""What lies in a prefix or a cache, held against what its packages say of themselves.

How packages say it is each source's own: conda-meta and info/paths.json, or RECORD.
"""

from __future__ import annotations

import csv
import os
import stat
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mambench.environments import pinned
from mambench.model import Package
from mambench.system import contents, long_paths

_SHOWN = 3
"""Damaged files that a message names."""


@dataclass(frozen=True)
class RecordedFile:
    """A file, and what its package says of it as far as it says anything."""

    path: Path
    size_bytes: int | None = None
    sha256: str | None = None
    is_link: bool = False

    def problem(self, *, full: bool) -> str | None:
        """What is wrong with it; `full` looks at its content too."""
        path = long_paths.unlimited(self.path)
        try:
            status = os.lstat(path) if self.is_link else os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return "is gone"
        except (OSError, ValueError) as error:
            return f"cannot be read ({contents.words(error)})"
        if self.is_link:
            return None
        if not stat.S_ISREG(status.st_mode):
            return "is no file"
        if self.size_bytes is not None and status.st_size != self.size_bytes:
            return f"has {status.st_size} bytes instead of {self.size_bytes}"
        if full and self.sha256 is not None and pinned.sha256_of(path) != self.sha256:
            return "has another content"
        return None


@dataclass(frozen=True)
class PackageOnDisk:
    """A package in a prefix or a cache. `read` gives the files that its `record` names."""

    name: str
    version: str
    folder: Path
    """Its prefix; in a cache, the folder that is its own."""
    record: Path
    read: Callable[[], Iterable[RecordedFile]]


def damage(
    packages: Iterable[PackageOnDisk], *, full: bool, on_bytes: Callable[[int, int], None] = lambda _done, _all: None
) -> Iterator[tuple[PackageOnDisk, Path, str]]:
    """The files that are not as their packages have them, with what is wrong; `full` looks at their content too.

    Of what is looked at in full, `on_bytes` is told how much is done, and of how much.

    A file of several packages may be as any of them has it: the one that was linked last wrote it. Byte code is passed
    over, as python itself writes it anew.
    """
    read: list[tuple[PackageOnDisk, list[RecordedFile]]] = []
    owners: dict[Path, list[RecordedFile]] = defaultdict(list)
    for package in packages:
        if (problem := RecordedFile(package.record).problem(full=False)) is not None:
            yield package, package.record, problem
            continue
        try:
            files = [file for file in package.read() if file.path.suffix != ".pyc"]
        except (OSError, ValueError, LookupError, TypeError, AttributeError, csv.Error):
            yield package, package.record, "is broken"
            continue
        read.append((package, files))
        for file in files:
            owners[file.path].append(file)
    done, total = 0, sum(file.size_bytes or 0 for _, files in read for file in files)
    for package, files in read:
        for file in files:
            done += file.size_bytes or 0
            if full:
                on_bytes(done, total)
            problems = [each.problem(full=full) for each in owners.pop(file.path, ())]
            if problems and all(problems):
                yield package, file.path, str(problems[-1])


def remedy(stack: str) -> str:
    """What to do about a damaged environment."""
    return f"`mambench env check {stack} --repair` makes it anew"


def some(words: Sequence[str]) -> str:
    """The first of them, and how many there are beside."""
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return ", ".join(words[:_SHOWN]) + more


def missing(packages: Iterable[Package], on_disk: Iterable[PackageOnDisk]) -> list[str]:
    """Those of the packages that were not found in their version, in words."""
    versions = {package.name: package.version for package in on_disk}
    return [
        f"{package.name} {package.version} is gone"
        if package.name not in versions
        else f"{package.name} is {versions[package.name]} instead of {package.version}"
        for package in packages
        if versions.get(package.name) != package.version
    ]
