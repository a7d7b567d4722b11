"""micromamba's package cache: archives that grow, are removed, and what it wrote down about them."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from mambench.model import Package
from mambench.system import files


def remove_archives(cache: Path, packages: Sequence[Package]) -> None:
    """Delete the downloaded archives; the extracted packages stay, hard-linked to the prefixes."""
    for archive in archives(cache, file_names(packages)):
        with contextlib.suppress(OSError):
            files.remove(archive)


def keep_archive(cache: Path, package: Package, archive: Path) -> None:
    """Put an archive where micromamba looks before it downloads. Raises OSError."""
    target = _archive_in(cache, package)
    target.parent.mkdir(parents=True, exist_ok=True)
    files.remove(target)
    try:
        os.link(archive, target)
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(archive, target)


def is_unpacked(cache: Path, package: Package) -> bool:
    """Whether the package lies there unpacked, from its own address."""
    name = str(_archive_in(cache, package)).removesuffix(".conda").removesuffix(".tar.bz2")
    return Path(name, "info", "repodata_record.json").is_file()


def _archive_in(cache: Path, package: Package) -> Path:
    """`<scheme>/<host>/<channel>/<subdir>/<file>`. Source: micromamba.md, of 2.8."""
    parts = (package.url or "").replace("://", "/").replace(":", "_").split("/")
    return cache.joinpath(*filter(None, parts))


def file_names(packages: Sequence[Package]) -> dict[str, int]:
    """The archives' names with their sizes."""
    return {(package.url or "").rpartition("/")[2]: package.size_bytes or 0 for package in packages}


def _folders(cache: Path) -> Iterator[tuple[Path, list[str]]]:
    """The folders of the cache with their files; extracted packages, which hold thousands, are not entered."""
    for folder, folders, names in os.walk(cache):
        if "info" in folders:
            folders.clear()
        yield Path(folder), names


def archives(cache: Path, names: Collection[str]) -> Iterator[Path]:
    """The archives of these names, whole or growing."""
    return (folder / name for folder, inside in _folders(cache) for name in inside if name in names)


def written_urls(cache: Path, prefix: Path) -> Iterator[Path]:
    """The files in which micromamba keeps where packages came from."""
    yield from (prefix / "conda-meta").glob("*.json")
    for folder, _ in _folders(cache):
        for file in (folder / "urls.txt", folder / "info" / "repodata_record.json"):
            if file.is_file():
                yield file
