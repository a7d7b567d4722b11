"""Bring one URL into one file that grows while it arrives, and fail as libcurl would."""

from __future__ import annotations

import base64
import itertools
import netrc
import os
import socket
import time
import urllib.error
import urllib.request
from argparse import Namespace
from pathlib import Path
from urllib.parse import urlsplit

from standin.messages import ANSWERS, failure

CHUNK_BYTES = 65536
UNREACHABLE_PAUSE_SECONDS = 0.4  # the real one takes 6 s for its three tries
TRIES = {6: 3, 7: 3, 18: 4, 28: 2, 56: 4}
NUMBERS: dict[type[object], int] = {
    socket.gaierror: 6, TimeoutError: 28, ConnectionRefusedError: 7, ConnectionError: 56, FileNotFoundError: 37,
    OSError: 23,
}  # fmt: skip
"""libcurl's number for an error; the first kind that fits counts."""


def download(url: str, path: Path, options: Namespace) -> None:
    """Write `url` to `path`, trying again from the start as often as the error deserves."""
    for attempt in itertools.count(1):
        number = attempt_download(url, path, options)
        if number == 0:
            return
        if attempt >= TRIES.get(number, 1):
            raise failure("download", number=number, words=ANSWERS["curl"][str(number)], url=url)
        time.sleep(UNREACHABLE_PAUSE_SECONDS if number in (6, 7) else 0)


def attempt_download(url: str, path: Path, options: Namespace) -> int:
    """libcurl's number for how it ended."""
    try:
        with (
            urllib.request.urlopen(request(url), timeout=options.stall_seconds) as source,
            path.open("wb", buffering=0) as target,
        ):
            while chunk := source.read1(CHUNK_BYTES):
                if options.disk_full == "download":
                    return 23
                target.write(chunk)
            return 18 if path.stat().st_size < int(source.headers["Content-Length"]) else 0
    except urllib.error.HTTPError as error:
        raise failure("status", status=error.code, url=url) from error
    except OSError as error:
        cause = getattr(error, "reason", error)
        return next(number for kind, number in NUMBERS.items() if isinstance(cause, kind))


def request(url: str) -> urllib.request.Request:
    """A request with what $NETRC or ~/.netrc says of the host, as curl reads it."""
    built = urllib.request.Request(url, headers={"User-Agent": "micromamba"})
    file = Path(os.environ.get("NETRC") or Path(os.environ["HOME"], ".netrc"))
    found = netrc.netrc(file).authenticators(urlsplit(url).hostname or "") if file.is_file() else None
    if found:
        built.add_header("Authorization", f"Basic {base64.b64encode(f'{found[0]}:{found[2]}'.encode()).decode()}")
    return built
