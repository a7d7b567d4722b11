"""The package cache: archives are fetched, checked, extracted in children, and linked into a prefix."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import re
import shutil
import time
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.download import download
from standin.messages import ANSWERS, Failure, Output, failure

Record = dict[str, Any]
MARK = Path("info", "repodata_record.json")


@dataclass(frozen=True)
class Cache:
    """One package folder."""

    folder: Path
    checks_sizes: bool

    def archive(self, record: Record) -> Path:
        """<scheme>/<host>/<subdir>/<file>, with a port's colon turned into an underscore."""
        return self.folder / record["url"].replace("://", "/").replace(":", "_").replace("//", "/")

    def package(self, record: Record) -> Path:
        """Where the archive is extracted to."""
        return Path(re.sub(r"\.(conda|tar\.bz2)$", "", str(self.archive(record))))

    def has_package(self, record: Record) -> bool:
        """Whether the extracted package is there and belongs to this very archive."""
        package = self.package(record)
        if not (package / MARK).is_file() or json.loads((package / MARK).read_text())["sha256"] != record["sha256"]:
            return False
        return not self.checks_sizes or all(
            entry["path_type"] == "softlink" or (package / entry["_path"]).stat().st_size == entry["size_in_bytes"]
            for entry in paths_of(package)
        )

    def has(self, record: Record) -> bool:
        """Whether nothing must be downloaded."""
        archive = self.archive(record)
        return self.has_package(record) or (archive.is_file() and sha256_of(archive) == record["sha256"])


def open_cache(root: Path, home: Path, *, checks_sizes: bool) -> Cache:
    """The first folder that can be written of ROOT/pkgs and ~/.mamba/pkgs, unless CONDA_PKGS_DIRS names others."""
    pinned = os.environ.get("CONDA_PKGS_DIRS")
    folders = [Path(text) for text in listed(pinned)] if pinned else [root / "pkgs", home / ".mamba" / "pkgs"]
    writable = [folder for folder in folders if is_writable(folder)]
    if not writable:
        raise failure("no-writable-folder")
    return Cache(writable[0], checks_sizes)


def is_writable(folder: Path) -> bool:
    """Whether it is; its files are there then."""
    try:
        (folder / "cache").mkdir(parents=True, exist_ok=True)
        (folder / "urls.txt").touch()
    except OSError:
        return False
    return True


def listed(text: str) -> list[str]:
    """The items of a YAML flow list, plain or quoted; a plain one ends where a comment begins."""
    if text.startswith('"'):
        return list(json.loads(f"[{text}]"))
    if " #" in text:
        raise failure("package-folders", text=text)
    return [part.strip() for part in text.split(",")]


def paths_of(package: Path) -> list[dict[str, Any]]:
    return list(json.loads((package / "info" / "paths.json").read_text())["paths"])


def sha256_of(archive: Path) -> str:
    return hashlib.sha256(archive.read_bytes()).hexdigest()


@contextmanager
def locked(folder: Path, output: Output) -> Iterator[None]:
    """Hold the folder's lock, waiting for another process if need be; the kernel drops it at our death."""
    with (folder.parent / f"{folder.name}.lock").open("w") as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            output.log("error", f"Could not set lock ({error.strerror})")
            output.log("warning", f"Cannot lock '{folder}'\nWaiting for other mamba process to finish")
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def fetch(record: Record, cache: Cache, options: Namespace) -> None:
    """Download one archive under its final name; one that is not as recorded is deleted."""
    archive = cache.archive(record)
    archive.parent.mkdir(parents=True, exist_ok=True)
    download(record["url"], archive, options)
    if (actual := sha256_of(archive)) != record["sha256"]:
        archive.unlink()
        raise failure("wrong-bytes", archive=archive, expected=record["sha256"], actual=actual)


def extract(record: Record, cache: Cache, options: Namespace, check: Callable[[], None]) -> None:
    """Extract one archive in a child; `check` runs there too."""
    package = cache.package(record)
    shutil.rmtree(package, ignore_errors=True)

    def work() -> None:
        from rattler.package_streaming import extract as unpack

        check()
        unpack(cache.archive(record), package)
        time.sleep(options.extract_delay)

    if options.disk_full == "extract" or not succeeds_in_a_child(work):
        cache.archive(record).unlink()
        shutil.rmtree(package, ignore_errors=True)
        raise Failure(ANSWERS["full-disk"]["extract"])
    (package / MARK).write_text(json.dumps(record))
    with (cache.folder / "urls.txt").open("a") as listing:
        listing.write(f"{record['url']}\n")


def succeeds_in_a_child(work: Callable[[], None]) -> bool:
    """Run in a process that lives on if only we are killed."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            silent = os.open(os.devnull, os.O_RDWR)
            os.dup2(silent, 1)
            os.dup2(silent, 2)
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


def link(record: Record, cache: Cache, prefix: Path, options: Namespace) -> None:
    """Make hard links, put the prefix into files that name it, and write the package's entry in conda-meta last."""
    if options.disk_full == "link":
        raise Failure(ANSWERS["full-disk"]["link"])
    package = cache.package(record)
    entries = paths_of(package)
    paths = []
    for entry in entries:
        source, target = package / entry["_path"], prefix / entry["_path"]
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(os.readlink(source))
        elif "prefix_placeholder" in entry:  # in a text file; the program's self-test has one
            target.write_bytes(source.read_bytes().replace(entry["prefix_placeholder"].encode(), str(prefix).encode()))
            target.chmod(source.stat().st_mode)
        else:
            try:
                os.link(source, target)
            except OSError:  # across file systems, or on one without hard links
                shutil.copy2(source, target)
        in_prefix = hashlib.sha256(target.read_bytes()).hexdigest() if target.is_file() else ""
        kept = {name: entry[name] for name in ("_path", "path_type", "sha256", "size_in_bytes")}  # sizes: of before
        paths.append({**kept, "sha256_in_prefix": in_prefix})
    index = json.loads((package / "info" / "index.json").read_text())
    content = {**index, **record, "files": [entry["_path"] for entry in entries], "extracted_package_dir": str(package)}
    content["paths_data"] = {"paths": paths, "paths_version": 1}
    (prefix / "conda-meta" / f"{package.name}.json").write_text(json.dumps(content))
    time.sleep(options.link_delay)
