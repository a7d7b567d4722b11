"""How the logins and tokens of channels stay out of lock files, logs, prefixes and process lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

from mambench.system import files


def without_login(channel: str) -> str:
    """A channel without user and password: micromamba would write them into prefixes and its cache."""
    parts = urlsplit(channel)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])) if "@" in parts.netloc else channel


def tokens(channels: Sequence[str]) -> tuple[str, ...]:
    """The secret parts of `/t/<token>/` in channels."""
    return tuple(match[1] for channel in channels if (match := TOKEN.search(channel)) is not None)


TOKEN = re.compile(r"://[^/]+/t/([^/]+)(?=/|$)")


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


def forget(secrets: Sequence[str], written: Iterable[Path]) -> None:
    """Blot tokens out of what micromamba wrote them into. Raises OSError."""
    for file in filter(Path.is_file, written) if secrets else ():
        content = file.read_bytes()
        if any(secret.encode() in content for secret in secrets):
            for secret in secrets:
                content = content.replace(f"/t/{secret}/".encode(), b"/t/***/")
            files.write_bytes(file, content)


def _quoted(word: str) -> str:
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
