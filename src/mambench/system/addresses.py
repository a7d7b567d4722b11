"""URLs: how they may be shown, which of them are local paths, whose they are.

All of it takes any text: what is no URL is no error here, but `url_problem`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

STARS = "***"
"""What stands in the place of a secret."""

_SCHEME = r"[A-Za-z][A-Za-z0-9+.-]{0,30}://"
_RAW_LOGIN = r"""[^\s/?#@:]+:(?:(?!://)[^\s"<>`])*@"""
"""A login whose password may hold `/`, `?` and `#` as they are: all up to the last `@`."""

_LOGIN = rf"(?:{_RAW_LOGIN}|[^\s/?#]*@)"
_URL = re.compile(rf"""({_SCHEME})({_LOGIN})?([^\s,`'"<>?#]*)(\?[^\s`'"<>#]+)?(#[^\s,`'"<>]*)?""")
_BARE_LOGIN = re.compile(r"^\S+@(?=[^\s@/]+/?$)")
_LIKE_TOKEN = re.compile(r"(?=[^/]*\d)(?=[^/]*[A-Za-z])[\w-]{16,}")

_HIDDEN: set[str] = set()
"""Words that are shown nowhere: tokens in the paths of the user's own package indexes."""


def without_credentials(text: str) -> str:
    """A URL, or a text with URLs in it, as it may be shown: no login, token, fragment or value of a query."""
    shown = _URL.sub(_without_credentials, text)
    for word in _HIDDEN:
        shown = shown.replace(word, STARS)
    return shown


def _without_credentials(match: re.Match[str]) -> str:
    scheme, login, path, query, _fragment = match.groups()
    if scheme.lower() != "file://":
        path = re.sub(r"/t/[^/]+", "/t/***", path, count=1)  # conda's token, /t/<token>/channel
    return f"{scheme}{'***@' if login else ''}{path}{re.sub('=[^&]*', '=***', query or '')}"


def setting_without_credentials(value: str) -> str:
    """The whole value of a setting, as it may be shown: a proxy is often given as `user:password@host:port`."""
    return without_credentials(value) if "://" in value else _BARE_LOGIN.sub("***@", value)


def with_login(url: str, known: Iterable[str]) -> str:
    """A URL with the login of the address on the same host that has one, unless it has its own."""
    if re.match(rf"{_SCHEME}{_LOGIN}", url):
        return url
    logins = {host_of(address): match[1] for address in known if (match := re.match(rf"{_SCHEME}({_LOGIN})", address))}
    scheme, sign, rest = url.partition("://")
    return scheme + sign + logins.get(host_of(url), "") + rest


def hide_tokens(url: str) -> None:
    """From now on the parts of this URL's path that look like tokens are shown nowhere."""
    if "://" in url and local_path(url) is None:
        _HIDDEN.update(part for part in url.partition("://")[2].split("/")[1:] if _LIKE_TOKEN.fullmatch(part))


def url_problem(text: str) -> str:
    """Why this cannot be asked for; "" for a URL that can, and for what is none, such as a name or a path."""
    if "://" not in text:
        return ""
    if re.match(rf"{_SCHEME}{_RAW_LOGIN}", text) and not re.match(rf"{_SCHEME}[^\s/?#]*@[^@]*$", text):
        return "in a login, / is written %2F, # %23 and @ %40"
    try:
        parts = urlsplit(text)
        if parts.scheme == "file" or (parts.hostname and parts.port != 0):
            return ""
    except ValueError:
        pass
    return "it is not a valid URL"


def local_path(url: str) -> Path | None:
    """The path that a file:// URL or a plain path names; None for anything on a network."""
    if url.startswith("file:"):
        try:
            return Path(url2pathname(urlsplit(url).path))
        except ValueError:  # such as file://[x
            return Path(url)
    return None if "://" in url else Path(url)


def url_path(url: str) -> str:
    """The path in a URL."""
    return re.sub(r"^[^:]+://[^/?#]*", "", url).partition("#")[0].partition("?")[0]


def host_of(url: str) -> str:
    """The host that a URL names, for messages."""
    try:
        return urlsplit(url).hostname or without_credentials(url)
    except ValueError:
        return without_credentials(url)


def hosts_of(urls: Iterable[str]) -> str:
    """The hosts that URLs name, for messages; "" where all are on this disk."""
    return " and ".join(sorted({host_of(url) for url in urls if local_path(url) is None}))
