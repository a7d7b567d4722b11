"""Channels: their addresses, and whether their index can be reached."""

from __future__ import annotations

import functools
import math
import os
import re
from collections.abc import Callable, Iterable, Sequence

from mambench.errors import NetworkError
from mambench.system import addresses, network, parallel

DEFAULT_SERVER = "https://conda.anaconda.org/"
"""Where micromamba looks for a channel of which only the name is given."""

_NOT_ASKED = NetworkError("it could not be asked")
_INDEX_BEGINS = (b"\x28\xb5\x2f\xfd", b"{")
"""zstd's magic number, and what a server may make of it by unpacking it on the way."""


def channel_address(channel: str) -> str:
    """A channel as it is known: a local path is absolute, whatever folder micromamba runs in; no final slash."""
    if _is_path(channel):
        return os.path.abspath(os.path.expanduser(channel))
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


def hosts_of(channels: Iterable[str]) -> str:
    """The hosts that channels are on, for messages; "" where all are on this disk."""
    return addresses.hosts_of(map(channel_url, channels))


def unreachable_channel(channel: str, *, platform: str) -> NetworkError | None:
    """Why the channel's index for `platform` could not be read in either form; None when its first bytes come."""
    base = f"{channel_url(channel)}/{platform}"
    urls = [f"{base}/repodata.json.zst", f"{base}/repodata.json"]
    ask = functools.partial(network.unreachable, begins=_INDEX_BEGINS)
    answers = parallel.answers(ask, urls, within_seconds=math.inf)  # each takes so long at most
    return None if None in answers.values() else answers.get(urls[0], _NOT_ASKED)


def unreachable_channels(ask: Callable[[str], NetworkError | None], channels: Sequence[str]) -> list[NetworkError]:
    """What keeps the channels from being reached, in their order."""
    answers = parallel.answers(ask, channels, within_seconds=math.inf)
    return [problem for channel in channels if (problem := answers.get(channel, _NOT_ASKED)) is not None]
