"""Texts without what tells who and where somebody is: names, folders, hosts, addresses, logins. Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from mambench.system import addresses

PUBLIC_HOSTS = ("conda.anaconda.org", "download.pytorch.org", "github.com")
"""Servers that say nothing of the person; any other host of a URL is left out, the package index's too: it may be a
company's.
"""

_USER_FOLDER = re.compile(r"(?i)((?:[A-Z]:)?[\\/]+(?:Users|home)[\\/]+)[^\\/\s\"']+")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"'<>]+", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_ADDRESS = re.compile(r"(?<![\w.:])(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F]*:[0-9a-fA-F:.]*:[0-9a-fA-F:.]*)(?![\w:])")
_MAC = re.compile(r"\b(?:[0-9a-fA-F]{2}[:-]){5}[0-9a-fA-F]{2}\b")
_UUID = re.compile(r"\b(?:GPU-)?[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}\b")


@dataclass(frozen=True)
class Secrets:
    """What is known to be private here: folders with the words that stand for them, names, hosts."""

    folders: Mapping[str, str]
    names: Iterable[str]
    hosts: Iterable[str]


def scrubbed(content: Any, secrets: Secrets) -> Any:
    """The same content, keys too, with every text cleaned."""
    hosts = {*secrets.hosts, *_private_hosts(content)}
    return _walk(content, Secrets(secrets.folders, tuple(secrets.names), tuple(sorted(hosts, key=len, reverse=True))))


def hosts_in(text: str) -> set[str]:
    """Hosts of the URLs in a text, those of everybody left out."""
    hosts = set()
    for match in _URL.finditer(text):
        try:
            hosts.add(urlsplit(match[0]).hostname or "")
        except ValueError:
            continue
    return hosts - {"", *PUBLIC_HOSTS}


def _private_hosts(content: Any) -> set[str]:
    if isinstance(content, str):
        return hosts_in(content)
    parts = content.values() if isinstance(content, Mapping) else content if isinstance(content, list | tuple) else ()
    return set().union(*(_private_hosts(part) for part in parts))


def _walk(content: Any, secrets: Secrets) -> Any:
    if isinstance(content, str):
        return _clean(content, secrets)
    if isinstance(content, Mapping):
        return {_clean(str(key), secrets): _walk(value, secrets) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_walk(part, secrets) for part in content]
    return content


def _clean(text: str, secrets: Secrets) -> str:
    text = addresses.without_credentials(text)
    for folder, words in sorted(secrets.folders.items(), key=lambda pair: len(pair[0]), reverse=True):
        for written in _ways_to_write(folder):
            text = re.sub(re.escape(written), words, text, flags=re.IGNORECASE)
    text = _USER_FOLDER.sub(r"\1<user>", text)
    text = _UUID.sub("<uuid>", _EMAIL.sub("<address>", text))
    text = _ADDRESS.sub(_address, _MAC.sub("<address>", text))
    for names, words in ((secrets.hosts, "<host>"), (secrets.names, "<name>")):
        for name in names:
            if name:
                text = re.sub(rf"(?<![\w<]){re.escape(name)}(?!\w)", words, text, flags=re.IGNORECASE)
    return text


def _ways_to_write(folder: str) -> list[str]:
    """A folder as itself, with the other slashes, with doubled ones, and as part of a URL; never a bare root."""
    ways = {
        folder,
        folder.replace("\\", "/"),
        folder.replace("\\", "\\\\"),
        quote(folder.replace("\\", "/"), safe="/:"),
    }
    return [way for way in sorted(ways, key=len, reverse=True) if len(way.strip("/\\")) > len("C:")]


def _address(match: re.Match[str]) -> str:
    try:
        ipaddress.ip_address(match[0])
    except ValueError:
        return match[0]
    return "<address>"
