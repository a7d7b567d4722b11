"""What wheels say of their files: the RECORD in their .dist-info, in a prefix and in uv's cache.

Ref: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import base64
import csv
import functools
from collections.abc import Iterable, Iterator
from pathlib import Path
from urllib.parse import unquote

from mambench.environments.integrity import PackageOnDisk, RecordedFile
from mambench.model import Package
from mambench.system import contents


def in_prefix(prefix: Path) -> Iterator[PackageOnDisk]:
    """Those in the site-packages of a virtual environment."""
    for site in (*prefix.glob("lib/python*/site-packages"), prefix / "Lib" / "site-packages"):
        yield from _packages_in(site)


def in_cache(cache: Path) -> Iterator[PackageOnDisk]:
    """The unpacked wheels, each in a folder of its own."""
    for folder in cache.glob("archive-v*/*"):
        yield from _packages_in(folder)


def not_in(cache: Path, packages: Iterable[Package]) -> Iterator[Package]:
    """Those of which the cache has no wheel that is made for the same python and platform."""
    kept = {(each.name, each.version): each for each in in_cache(cache)}
    for package in packages:
        on_disk = kept.get((package.name, package.version))
        if on_disk is None or not _tags_of(package) <= _tags_on(on_disk):
            yield package


def _tags_of(package: Package) -> set[str]:
    from packaging.utils import InvalidWheelFilename, parse_wheel_filename

    try:
        return set(map(str, parse_wheel_filename(unquote((package.url or "").rpartition("/")[2]))[3]))
    except InvalidWheelFilename:
        return {package.url or package.name}  # no wheel has such a tag


def _tags_on(package: PackageOnDisk) -> set[str]:
    """Ref: https://packaging.python.org/en/latest/specifications/binary-distribution-format/"""
    try:
        lines = contents.text_of(package.record.with_name("WHEEL")).splitlines()
    except (OSError, ValueError):
        return set()
    return {line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")}


def _packages_in(site: Path) -> Iterator[PackageOnDisk]:
    from packaging.utils import canonicalize_name

    for info in sorted(site.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").partition("-")
        record = info / "RECORD"
        yield PackageOnDisk(canonicalize_name(name), version, site, record, functools.partial(_files, site, record))


def _files(site: Path, record: Path) -> Iterator[RecordedFile]:
    """Raises ValueError where it does not even name itself."""
    with record.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    if not rows:
        raise ValueError(record)
    for path, digest, size in rows:
        algorithm, _, value = digest.partition("=")
        sha256 = base64.urlsafe_b64decode(value + "==").hex() if algorithm == "sha256" else None
        yield RecordedFile(site / path, int(size) if size else None, sha256)
