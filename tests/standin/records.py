"""One package as the stand-in knows it: from repodata, or from a line of a lock."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from standin.download import without_login, without_secret
from standin.messages import Failure

EXTENSIONS = (".conda", ".tar.bz2")


@dataclass(frozen=True)
class Record:
    """A package to install; an empty hash or a size of 0 is unknown and not checked."""

    name: str
    version: str
    build: str
    build_number: int
    url: str
    channel: str
    subdir: str
    size: int
    md5: str
    sha256: str
    depends: tuple[str, ...]

    @property
    def file_name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def stem(self) -> str:
        return f"{self.name}-{self.version}-{self.build}"

    def as_json(self) -> dict[str, Any]:
        """The entry of FETCH and LINK; libmamba's names for the same thing come twice, secrets are stars."""
        return {
            "build": self.build,
            "build_number": self.build_number,
            "build_string": self.build,
            "channel": without_login(self.channel),
            "constrains": [],
            "depends": list(self.depends),
            "fn": self.file_name,
            "md5": self.md5,
            "name": self.name,
            "sha256": self.sha256,
            "size": self.size,
            "subdir": self.subdir,
            "url": without_secret(self.url),
            "version": self.version,
        }


def from_repodata(entry: dict[str, Any], *, channel: str, subdir: str, file_name: str) -> Record:
    return Record(
        name=entry["name"],
        version=entry["version"],
        build=entry["build"],
        build_number=entry["build_number"],
        url=f"{channel}/{subdir}/{file_name}",
        channel=channel,
        subdir=subdir,
        size=entry.get("size", 0),
        md5=entry.get("md5", ""),
        sha256=entry.get("sha256", ""),
        depends=tuple(entry["depends"]),
    )


def read_explicit(lines: list[str]) -> list[Record]:
    """The records of an @EXPLICIT file."""
    urls = [line.strip() for line in lines]
    return [from_url(url) for url in urls if url and not url.startswith(("#", "@"))]


def from_url(line: str) -> Record:
    """Read URL#md5, URL#sha256 or URL#sha256:HASH; the rest comes from the file name."""
    url, _, fragment = line.partition("#")
    if "://" not in url:
        url = f"file://{Path(url).absolute()}"
    digest = fragment.removeprefix("sha256:").lower()
    channel, subdir, file_name = url.rsplit("/", 2)
    stem = next((file_name.removesuffix(end) for end in EXTENSIONS if file_name.endswith(end)), "")
    parts = stem.rsplit("-", 2)
    if len(parts) != 3 or not re.fullmatch(r"([0-9a-f]{32}|[0-9a-f]{64})?", digest):
        raise Failure(f"Could not parse explicit URL: {line}")
    md5, sha256 = ("", digest) if len(digest) == 64 else (digest, "")
    number = int(re.search(r"(\d*)$", parts[2])[1] or 0)  # type: ignore[index]
    return Record(parts[0], parts[1], parts[2], number, url, channel, subdir, 0, md5, sha256, ())


def with_index(record: Record, extracted: Path) -> Record:
    """Take from an extracted package what a URL does not tell."""
    index = json.loads((extracted / "info" / "index.json").read_text())
    return replace(
        record,
        version=index["version"],
        build=index["build"],
        build_number=index["build_number"],
        subdir=index["subdir"],
        depends=tuple(index["depends"]),
    )


def in_link_order(records: list[Record]) -> list[Record]:
    """Dependencies first, else by name."""
    by_name = {record.name: record for record in sorted(records, key=lambda record: record.name)}
    ordered: dict[str, Record] = {}

    def visit(name: str, above: frozenset[str]) -> None:
        if name in ordered or name in above or name not in by_name:
            return
        for spec in by_name[name].depends:
            visit(re.split(r"[\s=<>!~]", spec, maxsplit=1)[0], above | {name})
        ordered[name] = by_name[name]

    for name in by_name:
        visit(name, frozenset())
    return list(ordered.values())
