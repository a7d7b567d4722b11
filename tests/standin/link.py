"""Put extracted packages into a prefix: hard links, prefix replacement, entry points, conda-meta."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from standin.cache import without_extension
from standin.download import without_secret
from standin.knobs import Knobs
from standin.messages import Failure, Output
from standin.records import Record

LONGEST_SHEBANG = 127
COMPILE = """\
import importlib._bootstrap_external as loader, importlib.util, os, sys, time
paths = [line for line in open(sys.argv[1], encoding="utf-8").read().split("\\n") if line]
sources = [(path, open(path, "rb").read()) for path in paths]
times = {path: os.stat(path).st_mtime for path in paths}
time.sleep(float(sys.argv[2]))
for path, source in sources:
    try:
        code = compile(source, path, "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        continue
    target = importlib.util.cache_from_source(path)
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(target, "wb") as stream:
        stream.write(loader._code_to_timestamp_pyc(code, int(times[path]), len(source)))
"""


@dataclass(frozen=True)
class Prefix:
    """Where packages go; `python` is the major.minor version that noarch packages are for."""

    path: Path
    python: str

    @property
    def site_packages(self) -> str:
        return f"lib/python{self.python}/site-packages"

    @property
    def interpreter(self) -> str:
        return str(self.path / "bin" / "python")

    def place(self, path: str, *, noarch_python: bool) -> str:
        """Where a package's file lies in the prefix."""
        if noarch_python and path.startswith("site-packages/"):
            return f"{self.site_packages}/{path.removeprefix('site-packages/')}"
        if noarch_python and path.startswith("python-scripts/"):
            return f"bin/{path.removeprefix('python-scripts/')}"
        return path


def link_all(
    records: list[Record], folders: dict[str, Path], target: Path, knobs: Knobs, output: Output,
    *, compile_bytecode: bool, interrupted: Callable[[], bool],
) -> None:  # fmt: skip
    """Link packages in the given order, naming each on standard output."""
    python = next((record.version for record in records if record.name == "python"), "")
    prefix = Prefix(target, ".".join(python.split(".")[:2]))
    modules: list[str] = []
    for record in records:
        if interrupted():
            raise Failure("User interrupted process")
        if knobs.disk_full == "link":
            raise Failure(f"filesystem error: cannot create hard link: Input/output error [{target}]")
        output.say(f"Linking {record.stem}")
        modules += link_package(record, folders[record.name], prefix)
        time.sleep(knobs.link_delay)
    if compile_bytecode and modules and "'" not in str(target):
        byte_compile(modules, prefix, knobs)


def link_package(record: Record, folder: Path, prefix: Prefix) -> list[str]:
    """Link one package, write its conda-meta entry, return the python modules to compile."""
    entries = json.loads((folder / "info" / "paths.json").read_text())["paths"]
    link_json = folder / "info" / "link.json"
    noarch = json.loads(link_json.read_text())["noarch"] if link_json.exists() else {}
    is_python = noarch.get("type") == "python"
    if is_python and not prefix.python:
        raise Failure(f"No python in the transaction, which {record.stem} needs")
    written = [link_file(entry, folder, prefix, noarch_python=is_python) for entry in entries]
    scripts = [write_entry_point(point, prefix) for point in noarch.get("entry_points", ()) if is_python]
    write_meta(record, folder, prefix, [*written, *scripts])
    if not is_python:
        return []
    return [str(prefix.path / entry["_path"]) for entry in written if entry["_path"].endswith(".py")]


def link_file(entry: dict[str, Any], folder: Path, prefix: Prefix, *, noarch_python: bool) -> dict[str, Any]:
    """Put one file into the prefix and return its entry with the place it got."""
    source = folder / entry["_path"]
    place = prefix.place(entry["_path"], noarch_python=noarch_python)
    target = prefix.path / place
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink() or target.exists():
        target.unlink()
    if "prefix_placeholder" in entry:
        target.write_bytes(with_prefix(source.read_bytes(), entry, str(prefix.path)))
        target.chmod(source.stat().st_mode)
    elif entry["path_type"] == "softlink":
        target.symlink_to(os.readlink(source))
    else:
        link_or_copy(source, target)
    return {**entry, "_path": place, "sha256_in_prefix": entry.get("sha256", "")}


def link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in (errno.EXDEV, errno.EPERM, errno.EMLINK):
            raise
        shutil.copy2(source, target)


def with_prefix(data: bytes, entry: dict[str, Any], prefix: str) -> bytes:
    """Replace the placeholder; in binary files the string keeps its length with NUL bytes at its end."""
    placeholder, new = entry["prefix_placeholder"].encode(), prefix.encode()
    if entry["file_mode"] == "text":
        return short_shebang(data.replace(placeholder, new))

    def padded(match: re.Match[bytes]) -> bytes:
        text = match[0].replace(placeholder, new)
        if len(text) > len(match[0]):
            raise Failure(f"Prefix is longer than the placeholder of {entry['_path']}")
        return text.ljust(len(match[0]), b"\0")

    return re.sub(re.escape(placeholder) + rb"[^\0]*\0", padded, data)


def short_shebang(data: bytes) -> bytes:
    """A first line that the kernel would not take is turned into one that asks PATH."""
    first, separator, rest = data.partition(b"\n")
    if not first.startswith(b"#!/") or (len(first) <= LONGEST_SHEBANG and first.count(b" ") == 0):
        return data
    return b"#!/usr/bin/env " + first.rpartition(b"/")[2] + separator + rest


def write_entry_point(point: str, prefix: Prefix) -> dict[str, Any]:
    """Write bin/NAME for `NAME = MODULE:FUNCTION`."""
    name, _, target = (part.strip() for part in point.partition("="))
    module, _, function = (part.strip() for part in target.partition(":"))
    shebang = f"#!{prefix.interpreter}"
    if " " in shebang or len(shebang) > LONGEST_SHEBANG:
        shebang = f"#!/bin/sh\n'''exec' \"{prefix.interpreter}\" \"$0\" \"$@\" #'''"
    first_name = function.partition(".")[0]
    body = f"import sys\n\nfrom {module} import {first_name}\n\n"
    body += f"if __name__ == '__main__':\n    sys.exit({function}())\n"
    script = prefix.path / "bin" / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.unlink(missing_ok=True)
    script.write_text(f"{shebang}\n# -*- coding: utf-8 -*-\n{body}")
    script.chmod(0o755)
    return {"_path": f"bin/{name}", "path_type": "unix_python_entry_point"}


def write_meta(record: Record, folder: Path, prefix: Prefix, entries: list[dict[str, Any]]) -> None:
    archive = next(iter(folder.parent.glob(f"{folder.name}.[ct]*")), folder)
    content = {
        **record.as_json(),
        "url": without_secret(record.url),
        "channel": without_secret(record.channel),
        "extracted_package_dir": str(folder),
        "package_tarball_full_path": str(archive),
        "files": [entry["_path"] for entry in entries],
        "paths_data": {"paths": entries, "paths_version": 1},
        "link": {"source": str(folder), "type": 1},
        "requested_spec": "",
    }
    place = prefix.path / "conda-meta" / f"{without_extension(Path(record.file_name)).name}.json"
    place.write_text(json.dumps(content, indent=1))


def byte_compile(modules: list[str], prefix: Prefix, knobs: Knobs) -> None:
    """Compile in a child, which outlives us if we are killed; what it cannot compile stays as it is."""
    handle, listing = tempfile.mkstemp(prefix="mambaf")
    with os.fdopen(handle, "w", encoding="utf-8") as stream:
        stream.write("\n".join(modules))
    command = [prefix.interpreter, "-I", "-c", COMPILE, listing, str(knobs.compile_delay)]
    subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.unlink(listing)
