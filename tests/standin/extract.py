"""Unpack one archive: what runs in a child process."""

from __future__ import annotations

import io
import tarfile
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import zstandard

from standin.knobs import Knobs
from standin.messages import Failure
from standin.surroundings import check_booleans, check_rc_files


def extract_command(archive: Path, folder: Path, knobs: Knobs, environ: Mapping[str, str]) -> None:
    """Extract, unless the user's own configuration is in the way: flags of the parent do not arrive here."""
    check_booleans(environ)
    if environ.get("MAMBA_DRY_RUN") == "true":
        raise Failure("Dry run. Not extracting.")
    if environ.get("MAMBA_NO_RC") != "true":
        check_rc_files(environ, [])
    if knobs.disk_full == "extract":
        raise Failure("No space left on device")
    extract_archive(archive, folder, delay=knobs.extract_delay)


def extract_archive(archive: Path, folder: Path, *, delay: float = 0.0) -> None:
    """Write an archive's files; `delay` seconds pass when half of the first tar's members are written."""
    folder.mkdir(parents=True, exist_ok=True)
    for tar in tars(archive):
        members = tar.getmembers()
        for position, member in enumerate(members):
            if delay and position == len(members) // 2:
                time.sleep(delay)
                delay = 0.0
            tar.extract(member, folder, filter="tar")


def tars(archive: Path) -> Iterator[tarfile.TarFile]:
    if archive.name.endswith(".tar.bz2"):
        with tarfile.open(archive, "r:bz2") as tar:
            yield tar
        return
    with zipfile.ZipFile(archive) as outer:
        names = sorted((name for name in outer.namelist() if name.endswith(".tar.zst")), reverse=True)
        for name in names:
            with compressed_tar(outer, name) as tar:
                yield tar


@contextmanager
def compressed_tar(outer: zipfile.ZipFile, name: str) -> Iterator[tarfile.TarFile]:
    data = zstandard.ZstdDecompressor().decompressobj().decompress(outer.read(name))
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
        yield tar
