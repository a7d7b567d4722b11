"""Bring one URL into one file that grows while it arrives, and fail as libcurl would."""

from __future__ import annotations

import base64
import errno
import netrc
import os
import re
import socket
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from standin.knobs import Knobs
from standin.messages import Failure

CHUNK_BYTES = 65536
LOW_SPEED_BYTES_PER_SECOND = 30
UNREACHABLE_PAUSE_SECONDS = 0.4  # the real one takes 6 s for its three tries
TRIES = {6: 3, 7: 3, 18: 4, 28: 2, 52: 4, 56: 4}


class CurlError(Exception):
    """One try that failed, with libcurl's number for it."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number
        self.text = text


class Missing(Failure):
    """The server answered, but not with the file."""


def download(url: str, path: Path, knobs: Knobs) -> None:
    """Write `url` to `path`, trying again from the start as often as the error deserves."""
    attempt = 0
    while True:
        attempt += 1
        try:
            return attempt_download(url, path, knobs)
        except CurlError as error:
            if attempt >= TRIES.get(error.number, 1):
                place = without_secret(url)
                raise Failure(f"Download error ({error.number}) {error.text} [{place}]") from error
            if error.number in (6, 7):
                time.sleep(UNREACHABLE_PAUSE_SECONDS)


def attempt_download(url: str, path: Path, knobs: Knobs) -> None:
    with open_url(url, knobs) as source, path.open("wb", buffering=0) as target:
        try:
            expected = int(getattr(source, "headers", {}).get("Content-Length") or -1)
            received = 0
            for chunk in paced_chunks(source, knobs):
                if knobs.disk_full == "download":
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                target.write(chunk)
                received += len(chunk)
        except TimeoutError as error:
            raise CurlError(28, too_slow(knobs)) from error
        except ConnectionError as error:
            raise CurlError(56, f"Failure when receiving data from the peer: {error}") from error
        except OSError as error:
            raise CurlError(23, f"Failed writing received data: {error.strerror}") from error
    if received < expected:
        raise CurlError(18, f"Transferred a partial file: {expected - received} bytes missing")


def open_url(url: str, knobs: Knobs) -> IO[bytes]:
    if url.startswith("file://"):
        return open_local(url)
    try:
        answer: IO[bytes] = urllib.request.urlopen(request(url), timeout=knobs.stall_seconds)
        return answer
    except urllib.error.HTTPError as error:
        raise Missing(f"Transfer finalized, status: {error.code} [{without_secret(url)}] 0 bytes") from error
    except TimeoutError as error:
        raise CurlError(28, too_slow(knobs)) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, socket.gaierror):
            raise CurlError(6, "Could not resolve hostname") from error
        if isinstance(error.reason, TimeoutError):
            raise CurlError(28, too_slow(knobs)) from error
        raise CurlError(7, f"Could not connect to server: {error.reason}") from error
    except ConnectionError as error:
        raise CurlError(52, "Server returned nothing (no headers, no data)") from error


def open_local(url: str) -> IO[bytes]:
    path = local_path(url)
    if " " in str(path) and path.name.startswith("repodata"):  # packages in an @EXPLICIT file may lie anywhere (tried)
        raise CurlError(3, "URL using bad/illegal format or missing URL")
    try:
        return path.open("rb")
    except OSError as error:
        raise CurlError(37, f"Could not read a file:// file: Couldn't open file {path}") from error


def local_path(url: str) -> Path:
    return Path(urllib.parse.unquote(url.removeprefix("file://")))


def request(url: str) -> urllib.request.Request:
    """A request with the URL's user and password, or those of the netrc file, in a header."""
    parts = urllib.parse.urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    login = urllib.parse.unquote(login) or login_from_netrc(parts.hostname or "")
    built = urllib.request.Request(parts._replace(netloc=host).geturl(), headers={"User-Agent": "micromamba"})
    if login:
        token = base64.b64encode(login.encode()).decode()
        built.add_header("Authorization", f"Basic {token}")
    return built


def login_from_netrc(host: str) -> str:
    """What $NETRC or ~/.netrc says of a host, as curl reads it."""
    path = Path(os.environ.get("NETRC") or Path(os.environ.get("HOME") or "/nonexistent", ".netrc"))
    found = netrc.netrc(path).authenticators(host) if path.is_file() else None
    return f"{found[0]}:{found[2]}" if found else ""


def paced_chunks(source: IO[bytes], knobs: Knobs) -> Iterator[bytes]:
    """What arrives, no faster than the knob says and not slower than libmamba accepts."""
    read = getattr(source, "read1", source.read)
    pace = int(knobs.bytes_per_second / 20) if knobs.bytes_per_second else CHUNK_BYTES
    size = max(1, min(CHUNK_BYTES, pace))
    window_start, window_bytes = time.monotonic(), 0
    while chunk := read(size):
        yield chunk
        window_bytes += len(chunk)
        if knobs.bytes_per_second:
            time.sleep(len(chunk) / knobs.bytes_per_second)
        elapsed = time.monotonic() - window_start
        if elapsed >= knobs.stall_seconds:
            if window_bytes < LOW_SPEED_BYTES_PER_SECOND * elapsed:
                raise TimeoutError
            window_start, window_bytes = time.monotonic(), 0


def too_slow(knobs: Knobs) -> str:
    return (
        "Timeout was reached: Operation too slow. "
        f"Less than {LOW_SPEED_BYTES_PER_SECOND} bytes/sec transferred"
        f" the last {knobs.stall_seconds:g} seconds"
    )


def without_secret(url: str) -> str:
    """With stars for a password and for the token of a channel."""
    parts = urllib.parse.urlsplit(url)
    login, _, host = parts.netloc.rpartition("@")
    user = login.partition(":")[0]
    path = re.sub(r"^/t/[^/]+", "/t/*****", parts.path)
    return parts._replace(netloc=f"{user}:*****@{host}" if login else host, path=path).geturl()


def without_login(url: str) -> str:
    """Without user, password and token."""
    parts = urllib.parse.urlsplit(url)
    path = re.sub(r"^/t/[^/]+", "", parts.path)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], path=path).geturl()
