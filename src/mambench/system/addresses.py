"""URLs: how they may be shown, which of them are local paths, whose they are. Pure."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{0,30}://(?:[^\s/?#]*@)?[^\s,`'\"<>]*")


def without_credentials(url: str) -> str:
    """`url`, or a text with URLs in it, as it may be shown and logged: no login, token or fragment."""
    return _URL.sub(lambda match: _without_credentials(match[0]), url)


def _without_credentials(url: str) -> str:
    shown = re.sub(r"^([^/]+://)[^/?#]*@", r"\1***@", url.partition("#")[0])
    if url.startswith("file:"):
        return shown
    return re.sub(r"/t/[^/?]+", "/t/***", shown, count=1)  # conda's token, /t/<token>/channel


def local_path(url: str) -> Path | None:
    """The path that a file:// URL or a plain path names; None for anything on a network."""
    if url.startswith("file:"):
        return Path(url2pathname(urlsplit(url).path))
    return None if "://" in url else Path(url)


def host_of(url: str) -> str:
    """The host that a URL names, for messages."""
    try:
        return urlsplit(url).hostname or without_credentials(url)
    except ValueError:
        return without_credentials(url)
