"""The licence texts that a frozen program has to carry, gathered where it is frozen."""

from __future__ import annotations

import re
import sys
import sysconfig
import tarfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

LICENCE_FILE = re.compile(r"(licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)
BUILD_ONLY = {"uv", "pygments"}
"""Dependencies that the program leaves out (specs/mambench.spec)."""

SYSTEM_LIBRARIES = {
    "OpenSSL": ("libssl3*", "openssl*"),
    "libffi": ("libffi*",),
    "liblzma": ("liblzma*", "xz*"),
    "bzip2": ("libbz2*", "bzip2*"),
    "zlib": ("zlib*",),
}
"""Shared libraries of the system that come along on Linux, and what their packages are called."""
DOCUMENTS = (Path("/usr/share/doc"), Path("/usr/share/licenses"))


def gather(distribution: str = "mambench") -> tuple[dict[str, str], list[str]]:
    """File name -> text, and the names of what no text was found for."""
    texts, missing = {"python.txt": _python()}, []
    for name in sorted(_with_dependencies(distribution), key=str.lower):
        text = "\n\n".join(_of_distribution(name))
        texts[f"{name}.txt"] = text or _named_only(name)
        if not text:
            missing.append(name)
    if sys.platform.startswith("linux"):
        for name, patterns in SYSTEM_LIBRARIES.items():
            text = "\n\n".join(_of_system(patterns))
            if text:
                texts[f"{name}.txt"] = text
            else:
                missing.append(name)
    return texts, missing


def of_archive(archive: Path) -> dict[str, bytes]:
    """The licence texts inside a conda package, by their paths below info/licenses."""
    with tarfile.open(archive, "r:bz2") as bundle:
        entries = [entry for entry in bundle if entry.isfile() and entry.name.startswith("info/licenses/")]
        streams = ((entry.name.removeprefix("info/licenses/"), bundle.extractfile(entry)) for entry in entries)
        return {name.replace("/", "-"): stream.read() for name, stream in streams if stream is not None}


def _with_dependencies(distribution: str) -> set[str]:
    names: set[str] = set()
    waiting = [distribution]
    while waiting:
        name = waiting.pop()
        if name in names or name in BUILD_ONLY:
            continue
        try:
            required = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another platform
            continue
        names.add(name)
        waiting += [re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0] for line in required if "extra ==" not in line]
    return names


def _of_distribution(name: str) -> Iterator[str]:
    for file in metadata.files(name) or []:
        if ".dist-info/" in file.as_posix() and LICENCE_FILE.search(file.as_posix()):
            yield Path(str(file.locate())).read_text(encoding="utf-8", errors="replace")


def _named_only(name: str) -> str:
    about = metadata.metadata(name)
    return f"{name} {about['Version']}: {about['License-Expression'] or about['License'] or 'see its page'}\n"


def _python() -> str:
    folders = (Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix), Path("/usr/share/doc/python3"))
    files = [folder / name for folder in folders for name in ("LICENSE.txt", "LICENSE", "copyright")]
    licence = next((file for file in files if file.is_file()), None)
    return (
        licence.read_text(encoding="utf-8") if licence else "Python: PSF-2.0, https://docs.python.org/3/license.html\n"
    )


def _of_system(patterns: tuple[str, ...]) -> Iterator[str]:
    for documents in DOCUMENTS:
        for pattern in patterns:
            for folder in sorted(documents.glob(pattern)):
                for file in sorted(folder.rglob("*")):
                    if file.is_file() and (file.name == "copyright" or LICENCE_FILE.search(file.name)):
                        yield file.read_text(encoding="utf-8", errors="replace")
                        return
