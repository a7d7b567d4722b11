"""Locks as micromamba takes them (@EXPLICIT files), and how the logins and tokens of channels stay out of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

from mambench.model import Package
from mambench.system import home, network


def packages_of(records: Sequence[Mapping[str, Any]]) -> tuple[Package, ...]:
    """The records as packages, without logins."""
    return tuple(
        Package(
            name=str(record["name"]),
            version=str(record["version"]),
            build=str(record.get("build_string") or record.get("build") or ""),
            channel=network.without_credentials(str(record.get("channel", ""))),
            url=network.without_credentials(str(record["url"])),
            sha256=record.get("sha256"),
            size_bytes=record.get("size"),
        )
        for record in records
    )


def lock_text(records: Sequence[Mapping[str, Any]], channels: Sequence[str]) -> str:
    """An @EXPLICIT file: url#sha256 of each record, with the tokens of its channels; logins go another way."""
    lines = [f"{_with_token(str(record['url']), channels)}#{_hash(record)}" for record in records]
    return "\n".join(["@EXPLICIT", *lines]) + "\n"


def shown(lock: str) -> str:
    """A lock as it may be kept and shown."""
    parts = (line.partition("#") for line in lock.splitlines())
    return "".join(f"{network.without_credentials(url)}{sign}{digest}\n" for url, sign, digest in parts)


def without_login(channel: str) -> str:
    """A channel without user and password: micromamba would write them into prefixes and its cache."""
    parts = urlsplit(channel)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else channel


def tokens(channels: Sequence[str]) -> tuple[str, ...]:
    """The secret parts of `/t/<token>/` in channels."""
    return tuple(match[1] for channel in channels if (match := _TOKEN.search(channel)) is not None)


_TOKEN = re.compile(r"://[^/]+/t/([^/]+)(?=/|$)")


def _with_token(url: str, channels: Sequence[str]) -> str:
    """micromamba shows a token as stars."""
    if "/t/*" not in url:
        return without_login(url)
    url = without_login(url)
    for channel in channels:
        known = without_login(channel).rstrip("/")
        if (match := _TOKEN.search(known)) is not None:
            before, after = known[: match.start(1)], known[match.end(1) :]
            if re.match(rf"{re.escape(before)}\*+{re.escape(after)}/", url):
                return before + match[1] + url[len(before) :].lstrip("*")
    return url


def _hash(record: Mapping[str, Any]) -> str:
    return str(record.get("sha256") or record["md5"])


def login_variables(folder: Path, channels: Sequence[str]) -> dict[str, str]:
    """NETRC, naming a file with the logins of `channels`: so they stand in no URL, log or process list."""
    lines = []
    for channel in channels:
        parts = urlsplit(channel)
        if "@" in parts.netloc:
            words = (parts.hostname or "", unquote(parts.username or ""), unquote(parts.password or ""))
            lines.append("machine {} login {} password {}\n".format(*map(_quoted, words)))
    if not lines:
        return {}
    file = folder / "netrc"
    file.touch(mode=0o600)
    file.write_text("".join(lines), encoding="utf-8")
    return {"NETRC": str(file)}


def forget(secrets: Sequence[str], files: Iterable[Path]) -> None:
    """Blot tokens out of what micromamba wrote them into. Raises OSError."""
    for file in files if secrets else ():
        content = file.read_bytes()
        if any(secret.encode() in content for secret in secrets):
            for secret in secrets:
                content = content.replace(f"/t/{secret}/".encode(), b"/t/***/")
            home.write_bytes(file, content)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
