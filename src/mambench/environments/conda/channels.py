"""Channels: their addresses, and whether their index can be reached."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from mambench.errors import NetworkError
from mambench.system import network

DEFAULT_SERVER = "https://conda.anaconda.org/"
"""Where micromamba looks for a channel of which only the name is given."""

_TICK_SECONDS = 0.25


def channel_address(channel: str) -> str:
    """A channel as it is known: a local path is absolute, whatever folder micromamba runs in; no final slash."""
    if _is_path(channel):
        return str(Path(os.path.abspath(Path(channel).expanduser())))
    return channel.rstrip("/")


def _is_path(channel: str) -> bool:
    return channel.startswith(("/", ".", "~")) or re.match(r"[A-Za-z]:[\\/]", channel) is not None


def channels_in(text: str, *, exists: Callable[[str], bool]) -> tuple[str, ...]:
    """The channels that stand in `text` with commas between them; a URL, or a path that exists, may hold some."""
    words, channels = text.split(","), list[str]()
    while words:
        count = 1
        if "://" in words[0]:
            while count < len(words) and not ("://" in words[count] or _is_path(words[count])):
                count += 1
        elif _is_path(words[0]):
            counts = range(len(words), 0, -1)
            count = next((number for number in counts if exists(",".join(words[:number]))), 1)
        channels.append(",".join(words[:count]))
        del words[:count]
    return tuple(channel for channel in channels if channel)


def channel_url(channel: str) -> str:
    """A channel's address; a bare name is one on the public server."""
    address = channel_address(channel)
    return address if ":" in address or "/" in address else DEFAULT_SERVER + address


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
