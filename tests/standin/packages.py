"""Write conda packages and the index of a channel."""

from __future__ import annotations

import bz2
import hashlib
import io
import json
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import zstandard

TIMESTAMP_MILLISECONDS = 1_760_000_000_000


@dataclass(frozen=True)
class File:
    """One file of a package: its bytes, or the target of a symbolic link."""

    data: bytes = b""
    link: str = ""
    executable: bool = False


@dataclass(frozen=True)
class Package:
    """What goes into an archive and into the index; `files` maps the path in the prefix to its content."""

    name: str
    version: str
    build: str
    files: dict[str, File]
    depends: tuple[str, ...] = ()
    noarch: bool = False
    track_features: str = ""
    tar_bz2: bool = False
    sha256: str = ""  # the index tells this one, true or not

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    @property
    def file_name(self) -> str:
        return self.stem + (".tar.bz2" if self.tar_bz2 else ".conda")


def write_channel(folder: Path, packages: list[Package], *, platform: str) -> None:
    """Write every package and both forms of repodata for `platform` and noarch."""
    for subdir in (platform, "noarch"):
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        chosen = [package for package in packages if package.noarch == (subdir == "noarch")]
        records = {package.file_name: write_package(folder / subdir, package) for package in chosen}
        write_repodata(folder / subdir, records)


def write_package(folder: Path, package: Package) -> dict[str, Any]:
    """Write one archive into a subdir and return its repodata record."""
    index = index_json(package, subdir=folder.name)
    info = info_files(package, index)
    data = tar_bz2_archive(package, info) if package.tar_bz2 else conda_archive(package, info)
    (folder / package.file_name).write_bytes(data)
    return {
        **index,
        "size": len(data),
        "md5": hashlib.md5(data).hexdigest(),
        "sha256": package.sha256 or hashlib.sha256(data).hexdigest(),
    }


def write_repodata(folder: Path, records: dict[str, dict[str, Any]]) -> None:
    """Write repodata.json and repodata.json.zst of one subdir."""
    document = {
        "info": {"subdir": folder.name},
        "packages": {name: record for name, record in records.items() if name.endswith(".tar.bz2")},
        "packages.conda": {name: record for name, record in records.items() if name.endswith(".conda")},
        "removed": [],
        "repodata_version": 1,
    }
    text = json.dumps(document, indent=1).encode()
    (folder / "repodata.json").write_bytes(text)
    (folder / "repodata.json.zst").write_bytes(zstandard.compress(text))


def index_json(package: Package, *, subdir: str) -> dict[str, Any]:
    index: dict[str, Any] = {
        "name": package.name,
        "version": package.version,
        "build": package.build,
        "build_number": 0,
        "depends": list(package.depends),
        "subdir": subdir,
        "timestamp": TIMESTAMP_MILLISECONDS,
    }
    if package.noarch:
        index["noarch"] = "generic"
    if package.track_features:
        index["track_features"] = package.track_features
    return index


def info_files(package: Package, index: dict[str, Any]) -> dict[str, File]:
    paths = {"paths": [path_entry(path, file) for path, file in package.files.items()], "paths_version": 1}
    documents: dict[str, Any] = {"index": index, "paths": paths, "about": {"summary": "for tests"}}
    return {f"info/{name}.json": File(json.dumps(document).encode()) for name, document in documents.items()}


def path_entry(path: str, file: File) -> dict[str, Any]:
    return {
        "_path": path,
        "path_type": "softlink" if file.link else "hardlink",
        "sha256": hashlib.sha256(file.data).hexdigest(),
        "size_in_bytes": len(file.data),
    }


def conda_archive(package: Package, info: dict[str, File]) -> bytes:
    compressor = zstandard.ZstdCompressor(level=1)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("metadata.json", json.dumps({"conda_pkg_format_version": 2}))
        archive.writestr(f"pkg-{package.stem}.tar.zst", compressor.compress(tar(package.files)))
        archive.writestr(f"info-{package.stem}.tar.zst", compressor.compress(tar(info)))
    return buffer.getvalue()


def tar_bz2_archive(package: Package, info: dict[str, File]) -> bytes:
    return bz2.compress(tar({**info, **package.files}), 1)


def tar(files: dict[str, File]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path, file in files.items():
            member = tarfile.TarInfo(path)
            member.mode = 0o755 if file.executable else 0o644
            member.size = len(file.data)
            if file.link:
                member.type, member.linkname = tarfile.SYMTYPE, file.link
            archive.addfile(member, io.BytesIO(file.data))
    return buffer.getvalue()
