"""The package cache: where archives lie, whether they are whole, fetching, and extraction in children."""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
import subprocess
import sys
import urllib.parse
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from standin.download import download, without_secret
from standin.knobs import Knobs
from standin.messages import Failure, Output
from standin.records import EXTENSIONS, Record

PARALLEL_DOWNLOADS = 5
PARALLEL_EXTRACTIONS = 2
EXTRACTED_MARK = Path("info", "repodata_record.json")


@dataclass(frozen=True)
class Cache:
    """Package folders in order of preference; new archives go into the first."""

    folders: tuple[Path, ...]
    checks_sizes: bool = False

    @property
    def writable(self) -> Path:
        return self.folders[0]

    def archive(self, record: Record) -> Path:
        return self.writable / folder_for(record.url) / record.file_name

    def extracted(self, record: Record) -> Path | None:
        """The folder of a package that is there and belongs to this very archive."""
        for folder in self.folders:
            found = without_extension(folder / folder_for(record.url) / record.file_name)
            mark = found / EXTRACTED_MARK
            is_it = mark.is_file() and same_archive(json.loads(mark.read_text()), record)
            if is_it and (not self.checks_sizes or has_right_sizes(found)):
                return found
        return None

    def has(self, record: Record) -> bool:
        """Whether nothing must be downloaded."""
        return self.extracted(record) is not None or is_valid(self.archive(record), record)


def has_right_sizes(package: Path) -> bool:
    """What `--safety-checks enabled` looks at."""
    entries = json.loads((package / "info" / "paths.json").read_text())["paths"]
    return all(
        (package / entry["_path"]).is_file() and (package / entry["_path"]).stat().st_size == entry["size_in_bytes"]
        for entry in entries
        if entry["path_type"] == "hardlink"
    )


def open_cache(environ: Mapping[str, str], root: Path, home: Path, *, checks: str = "") -> Cache:
    """ROOT/pkgs and ~/.mamba/pkgs, the writable ones first, unless CONDA_PKGS_DIRS names others."""
    folders = package_folders(environ, root, home)
    usable = [folder for folder in folders if is_writable(folder)]
    if not usable:
        raise Failure("Could not find any writable cache directory for repodata file")
    return Cache(tuple(usable), checks_sizes=checks == "enabled")


def package_folders(environ: Mapping[str, str], root: Path, home: Path) -> list[Path]:
    pinned = environ.get("CONDA_PKGS_DIRS")
    return [Path(part) for part in read_list(pinned)] if pinned else [root / "pkgs", home / ".mamba" / "pkgs"]


def read_list(text: str) -> list[str]:
    """The items of a YAML flow list, plain or quoted; a plain one ends where a comment begins."""
    if text.startswith('"'):
        return list(json.loads(f"[{text}]"))
    if " #" in text:
        raise Failure(f"Could not parse '{text}' : yaml-cpp: error at line 1, column 1: end of sequence flow not found")
    return [part.strip() for part in text.split(",")]


def is_writable(folder: Path) -> bool:
    try:
        (folder / "cache").mkdir(parents=True, exist_ok=True)
        with (folder / "urls.txt").open("a"):
            return True
    except OSError:
        return False


def folder_for(url: str) -> Path:
    """<scheme>/<host>/<subdir>, with a port's colon turned into an underscore."""
    parts = urllib.parse.urlsplit(url)
    place = f"{parts.scheme}/{parts.netloc.rpartition('@')[2]}/{parts.path.rpartition('/')[0]}"
    return Path(place.replace(":", "_").replace("\\", "_").replace("//", "/"))


def without_extension(archive: Path) -> Path:
    end = next(end for end in EXTENSIONS if archive.name.endswith(end))
    return archive.with_name(archive.name.removesuffix(end))


def same_archive(mark: dict[str, str], record: Record) -> bool:
    pairs = [(mark.get("md5"), record.md5), (mark.get("sha256"), record.sha256)]
    return all(not wanted or there in ("", wanted) for there, wanted in pairs)


def is_valid(archive: Path, record: Record) -> bool:
    return archive.is_file() and not mismatches(archive, record)


def mismatches(archive: Path, record: Record) -> list[str]:
    """What of size, SHA-256 and (without that) MD5 is not as recorded, as libmamba says it."""
    data = archive.read_bytes()
    pairs = [("file size", str(record.size or ""), str(len(data)))]
    if record.sha256:
        pairs.append(("SHA256", record.sha256, hashlib.sha256(data).hexdigest()))
    elif record.md5:
        pairs.append(("MD5", record.md5, hashlib.md5(data).hexdigest()))
    return [
        f'File not valid: {what} doesn\'t match expectation "{archive}"\nExpected: {expected}\nActual: {actual}'
        for what, expected, actual in pairs
        if expected and expected != actual
    ]


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


def fetch_and_extract(
    records: list[Record], cache: Cache, knobs: Knobs, output: Output, interrupted: Callable[[], bool]
) -> dict[str, Path]:
    """Make every package available extracted; return the folders by package name."""
    with locked(cache.writable, output):
        missing = [record for record in records if not cache.has(record)]
        fetch(missing, cache, knobs, output, interrupted)
        if interrupted():
            raise Failure("User interrupted process")
        extract([record for record in records if cache.extracted(record) is None], cache, knobs, output)
    if interrupted():
        raise Failure("User interrupted process")
    return {record.name: cache.extracted(record) or Path() for record in records}


def fetch(records: list[Record], cache: Cache, knobs: Knobs, output: Output, interrupted: Callable[[], bool]) -> None:
    """Download and check; after an interrupt or a failure only what has begun goes on."""

    def fetch_one(record: Record) -> list[str]:
        if interrupted():
            return []
        archive = cache.archive(record)
        archive.parent.mkdir(parents=True, exist_ok=True)
        download(record.url, archive, knobs)
        return mismatches(archive, record)

    with ThreadPoolExecutor(PARALLEL_DOWNLOADS) as pool:
        found = [pool.submit(fetch_one, record) for record in records]
        try:
            checked = [(record, future.result()) for record, future in zip(records, found, strict=True)]
        except Failure:
            pool.shutdown(cancel_futures=True)
            raise
    refuse_wrong([(record, problems) for record, problems in checked if problems], cache, output)


def refuse_wrong(wrong: list[tuple[Record, list[str]]], cache: Cache, output: Output) -> None:
    """Delete the archives that are not as recorded and give up."""
    for record, problems in wrong:
        output.log("error", "\n".join(problems))
        output.say(f"{record.file_name} tarball has incorrect checksum")
        cache.archive(record).unlink()
    if wrong:
        raise Failure("Found incorrect downloads. Aborting")


def extract(records: list[Record], cache: Cache, knobs: Knobs, output: Output) -> None:
    with ThreadPoolExecutor(PARALLEL_EXTRACTIONS) as pool:
        errors = list(pool.map(lambda record: extract_one(record, cache, knobs), records))
    failed = [(record, error) for record, error in zip(records, errors, strict=True) if error]
    for record, error in failed:
        output.say(f"{record.file_name} extraction failed")
        output.log("error", f"Error when extracting package: {error}")
        cache.archive(record).unlink(missing_ok=True)
        shutil.rmtree(without_extension(cache.archive(record)), ignore_errors=True)
    if failed:
        raise Failure("Found incorrect downloads. Aborting")


def extract_one(record: Record, cache: Cache, knobs: Knobs) -> str:
    """Extract one archive in a process of its own; return what went wrong."""
    archive = cache.archive(record)
    folder = without_extension(archive)
    if folder.exists():
        shutil.rmtree(folder)
    program = Path(__file__).with_name("micromamba.py")
    command = [sys.executable, "-I", str(program), *knobs.arguments()]
    command += ["package", "extract", str(archive), str(folder)]
    child = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if child.returncode != 0:
        return json_parse_error() if knobs.disk_full == "extract" else child.stderr.strip()
    mark = {**record.as_json(), "url": without_secret(record.url)}
    (folder / EXTRACTED_MARK).write_text(json.dumps(mark, indent=1))
    with (cache.writable / "urls.txt").open("a") as listing:
        listing.write(f"{without_secret(record.url)}\n")
    return ""


def json_parse_error() -> str:
    """A full disk shows itself as an empty index.json."""
    return (
        "[json.exception.parse_error.101] parse error at line 1, column 1: syntax error while parsing value"
        " - unexpected end of input; expected '[', '{', or a literal"
    )
