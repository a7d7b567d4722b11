"""What wheels say of their files: the RECORD in their .dist-info, in a prefix and in uv's cache.

Ref: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import base64
import csv
import functools
from collections.abc import Iterator
from pathlib import Path

from mambench.environments.integrity import PackageOnDisk, RecordedFile


def in_prefix(prefix: Path) -> Iterator[PackageOnDisk]:
    """Those in the site-packages of a virtual environment."""
    for site in (*prefix.glob("lib/python*/site-packages"), prefix / "Lib" / "site-packages"):
        yield from _packages_in(site)


def in_cache(cache: Path) -> Iterator[PackageOnDisk]:
    """The unpacked wheels, each in a folder of its own."""
    for folder in cache.glob("archive-v*/*"):
        yield from _packages_in(folder)


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
