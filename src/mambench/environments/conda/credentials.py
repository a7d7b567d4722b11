"""How the logins and tokens of channels stay out of lock files, logs, prefixes and process lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import unquote

from mambench.system import addresses, files

_LOGIN = re.compile(r"(?<=://)([^\s/?#]*)@")
TOKEN = re.compile(r"://[^/]+/t/([^/]+)(?=/|$)")


def without_login(channel: str) -> str:
    """A channel without user and password: micromamba would write them into prefixes and its cache."""
    return _LOGIN.sub("", channel, count=1)


def tokens(channels: Sequence[str]) -> tuple[str, ...]:
    """The secret parts of `/t/<token>/` in channels."""
    return tuple(match[1] for channel in channels if (match := TOKEN.search(channel)) is not None)


def channel_words(channels: Sequence[str]) -> list[str]:
    """The channels on micromamba's command line, which everybody sees: none where one has a token."""
    if tokens(channels):
        return []
    return ["--override-channels", *(word for channel in channels for word in ("-c", without_login(channel)))]


def channel_variables(channels: Sequence[str]) -> dict[str, str]:
    """The channels where one has a token: other users see a command line, and not the variables."""
    listed = ", ".join(json.dumps(without_login(channel), ensure_ascii=False) for channel in channels)
    return {"CONDA_CHANNELS": listed} if tokens(channels) else {}  # what micromamba reads as a YAML list


def login_variables(folder: Path, channels: Sequence[str]) -> dict[str, str]:
    """NETRC, naming a file with the logins of `channels`: so they stand in no URL, log or process list."""
    lines = []
    for channel in channels:
        if (match := _LOGIN.search(channel)) is not None:
            user, _, password = match[1].partition(":")
            words = (addresses.host_of(channel), unquote(user), unquote(password))
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
