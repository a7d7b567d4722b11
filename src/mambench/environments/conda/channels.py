"""Channels: their addresses, and whether their index can be reached."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mambench.environments.conda import micromamba
from mambench.errors import NetworkError
from mambench.system import network

_TICK_SECONDS = 0.25


def channel_address(channel: str) -> str:
    """A channel as it is known: a local path is absolute, whatever folder micromamba runs in; no final slash."""
    if channel.startswith(("/", ".", "~")) or re.match(r"[A-Za-z]:[\\/]", channel):
        return str(Path(os.path.abspath(Path(channel).expanduser())))
    return channel.rstrip("/")


def channel_url(channel: str) -> str:
    """A channel's address; a bare name is one on the public server."""
    address = channel_address(channel)
    return address if ":" in address or "/" in address else micromamba.DEFAULT_SERVER + address


def unreachable_channel(channel: str, *, platform: str) -> NetworkError | None:
    """Why the channel's index for `platform` could not be read in either form; None when its first bytes come."""
    base = f"{channel_url(channel)}/{platform}"
    problems = in_parallel(network.unreachable, [f"{base}/repodata.json.zst", f"{base}/repodata.json"])
    return None if None in problems else problems[0]


def in_parallel(ask: Callable[[str], NetworkError | None], words: Sequence[str]) -> list[NetworkError | None]:
    """The answer to each word; an interrupt need not wait for the threads."""
    answers: dict[str, NetworkError | None] = {}
    threads = [
        threading.Thread(target=lambda word=word: answers.update({word: ask(word)}), daemon=True)
        for word in dict.fromkeys(words)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(_TICK_SECONDS)
    return [answers.get(word, NetworkError("it could not be asked")) for word in words]
