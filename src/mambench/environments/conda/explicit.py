"""Lock files as micromamba takes them (@EXPLICIT files), and how the logins and tokens of channels stay out of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mambench.environments.conda.credentials import TOKEN, without_login
from mambench.errors import ProvisionError
from mambench.model import Package
from mambench.system import addresses

_SHA256_LENGTH = 64
"""The sum of 32 hexadecimal digits is MD5's."""


def packages_of(records: Sequence[Mapping[str, Any]]) -> tuple[Package, ...]:
    """The records as packages, without logins."""
    return tuple(
        Package(
            name=str(record["name"]),
            version=str(record["version"]),
            build=str(record.get("build_string") or record.get("build") or ""),
            channel=addresses.without_credentials(str(record.get("channel", ""))),
            url=addresses.without_credentials(str(record["url"])),
            sha256=record.get("sha256"),
            size_bytes=record.get("size"),
        )
        for record in records
    )


def packages_in(lock_file: str) -> tuple[Package, ...]:
    """The packages that an @EXPLICIT file names, as far as their addresses tell. Raises ProvisionError."""
    return tuple(map(_package, _lines(lock_file)))


def urls_in(lock_file: str) -> dict[Package, str]:
    """The URL of each package, with its token; of an @EXPLICIT file that was read."""
    return {_package(line): line.partition("#")[0] for line in _lines(lock_file)}


def plain(lock_file: str) -> str:
    """An @EXPLICIT file as it is written here, without comments. Raises ProvisionError."""
    return "\n".join(["@EXPLICIT", *_lines(lock_file)]) + "\n"


def _lines(lock_file: str) -> list[str]:
    lines = [line.strip() for line in lock_file.splitlines()]
    urls = [line for line in lines if line and not line.startswith(("#", "@EXPLICIT"))]
    if "@EXPLICIT" not in lines or not urls:
        raise ProvisionError("it is no @EXPLICIT file", remedy="solve it anew")
    return urls


def _package(line: str) -> Package:
    url, _, digest = line.partition("#")
    parts = re.fullmatch(r"(.+)/([^/]+)/([^/]+)-([^/-]+)-([^/-]+)(?:\.conda|\.tar\.bz2)", url)
    if parts is None:
        raise ProvisionError(f"an @EXPLICIT file names no package with {url}", remedy="solve it anew")
    channel, _, name, version, build = (addresses.without_credentials(part) for part in parts.groups())
    sha256 = digest.removeprefix("sha256:") if len(digest) >= _SHA256_LENGTH else None
    return Package(name, version, build, channel, addresses.without_credentials(url), sha256)


def lock_text(records: Sequence[Mapping[str, Any]], channels: Sequence[str]) -> str:
    """An @EXPLICIT file: url#sha256 of each record, with the tokens of its channels; logins go another way."""
    lines = [f"{_with_token(str(record['url']), channels)}#{_hash(record)}" for record in records]
    return "\n".join(["@EXPLICIT", *lines]) + "\n"


def shown(lock_file: str) -> str:
    """A lock file as it may be kept and shown."""
    parts = (line.partition("#") for line in lock_file.splitlines())
    return "".join(f"{addresses.without_credentials(url)}{sign}{digest}\n" for url, sign, digest in parts)


def localised(lock_file: str, path_of: Callable[[Package], str | None]) -> str:
    """A lock file with paths in the place of addresses, for the packages that have one. Raises ProvisionError."""
    lines = []
    for line in map(str.strip, lock_file.splitlines()):
        path = path_of(_package(line)) if line and not line.startswith(("#", "@")) else None
        lines.append(line if path is None else f"{path}#{line.partition('#')[2]}")
    return "\n".join(lines) + "\n"


def _with_token(url: str, channels: Sequence[str]) -> str:
    """micromamba shows a token as stars."""
    if "/t/*" not in url:
        return without_login(url)
    url = without_login(url)
    for channel in channels:
        known = without_login(channel).rstrip("/")
        if (match := TOKEN.search(known)) is not None:
            before, after = known[: match.start(1)], known[match.end(1) :]
            if re.match(rf"{re.escape(before)}\*+{re.escape(after)}/", url):
                return before + match[1] + url[len(before) :].lstrip("*")
    return url


def _hash(record: Mapping[str, Any]) -> str:
    return str(record.get("sha256") or record["md5"])
