"""What conda packages say of their files: conda-meta in a prefix, `info` in micromamba's cache."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mambench.environments.integrity import PackageOnDisk, RecordedFile
from mambench.system import contents, files

_UNSIZED = ("pyc_file", "directory")
"""Kinds of paths of which a package promises nothing."""


def in_prefix(prefix: Path) -> Iterator[PackageOnDisk]:
    """Those whose record lies in conda-meta: its name is `<name>-<version>-<build>.json`."""
    for record in sorted((prefix / "conda-meta").glob("*-*-*.json")):
        name, version, _ = record.stem.rsplit("-", 2)
        yield PackageOnDisk(name, version, prefix, record, functools.partial(_linked, prefix, record))


def in_cache(cache: Path) -> Iterator[PackageOnDisk]:
    """The extracted packages."""
    for folder, folders, _ in os.walk(cache):
        if "info" not in folders:
            continue
        folders.clear()
        path = Path(folder)
        if path.name.count("-") >= 2:
            name, version, _ = path.name.rsplit("-", 2)
            record = path / "info" / "paths.json"
            yield PackageOnDisk(name, version, path, record, functools.partial(_extracted, path, record))


def remove_from_cache(package: PackageOnDisk) -> None:
    """The extracted package and its archive. Raises OSError."""
    files.remove(package.folder)
    for ending in (".conda", ".tar.bz2"):
        files.remove(package.folder.with_name(package.folder.name + ending))


def _linked(prefix: Path, record: Path) -> Iterator[RecordedFile]:
    """The sizes are those of before the prefix was written into a file: they hold where its content was not changed."""
    for entry in _document(record)["paths_data"]["paths"]:
        before, after = entry.get("sha256"), entry.get("sha256_in_prefix")
        changed = after is not None and after != before
        yield _file(prefix, entry, size_bytes=None if changed else entry.get("size_in_bytes"), sha256=after or before)


def _extracted(folder: Path, record: Path) -> Iterator[RecordedFile]:
    for entry in _document(record)["paths"]:
        yield _file(folder, entry, size_bytes=entry.get("size_in_bytes"), sha256=entry.get("sha256"))


def _file(folder: Path, entry: dict[str, Any], *, size_bytes: int | None, sha256: str | None) -> RecordedFile:
    kind, path = entry.get("path_type"), folder / entry["_path"]
    if kind in ("softlink", *_UNSIZED):
        return RecordedFile(path, is_link=True)
    return RecordedFile(path, size_bytes, sha256 or None)


def _document(record: Path) -> Any:
    return contents.json_in(record.read_bytes())
