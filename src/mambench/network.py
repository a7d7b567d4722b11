"""What goes over a network: reachability, sizes, downloads. The only importer of requests."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

from mambench.errors import NetworkError, ProvisionError

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
"""Of a probe; a download may pause for longer."""

_DOWNLOAD_READ_SECONDS = 60.0
_CHUNK_BYTES = 1 << 18
_PARALLEL = 16
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://(?:[^\s/?#]*@)?[^\s,`'\"<>]*")


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


def unreachable(url: str) -> str | None:
    """Why the first bytes of `url` cannot be had, in words; None when they can."""
    path = local_path(url)
    if path is not None:
        return None if path.exists() else f"{path} does not exist"
    import requests

    try:
        with (
            _session() as session,
            session.get(url, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as reply,
        ):
            if not reply.ok:
                return f"{without_credentials(url)} answers {reply.status_code} {reply.reason}"
            next(reply.iter_content(64), b"")
    except requests.RequestException as error:
        return f"{_host(url)} cannot be reached ({explain(error)})"
    return None


def sizes(urls: Iterable[str]) -> Mapping[str, int]:
    """Bytes of what each URL names, by HEAD and in parallel; what cannot be found out is left out."""
    urls = list(urls)
    found: dict[str, int] = {}
    remote = []
    for url in urls:
        path = local_path(url)
        if path is None:
            remote.append(url)
        elif path.is_file():
            found[url] = path.stat().st_size
    if remote:
        with _session() as session, ThreadPoolExecutor(min(_PARALLEL, len(remote))) as pool:
            for url, size in zip(remote, pool.map(lambda url: _head(session, url), remote), strict=True):
                if size is not None:
                    found[url] = size
    return found


class _Links(HTMLParser):
    """The targets of a page's links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.found.append(urljoin(self._page, href))


def links(page: str, *, variables: Mapping[str, str] | None = None) -> list[str]:
    """The URLs to which an HTML page links, as a package index does, or of the files in a folder. Raises NetworkError.

    `variables` as for `download`.
    """
    import requests

    path = local_path(page)
    try:
        if path is not None and (path / "index.html").is_file():
            text = (path / "index.html").read_text(encoding="utf-8")
            page = f"{path.absolute().as_uri()}/"
        elif path is not None:
            return [file.as_uri() for file in path.absolute().iterdir()]
        else:
            with _session(variables) as session:
                accept = {"Accept": "application/vnd.pypi.simple.v1+html, text/html;q=0.9"}
                reply = session.get(page, headers=accept, timeout=(CONNECT_SECONDS, READ_SECONDS))
                reply.raise_for_status()
                page, text = reply.url, reply.text
    except requests.RequestException as error:
        raise NetworkError(f"{_host(page)} could not be reached ({explain(error)})") from error
    except OSError as error:
        raise NetworkError(f"{path} cannot be read: {error.strerror}") from error
    parser = _Links(page)
    parser.feed(text)
    return parser.found


def download(
    url: str,
    path: Path,
    *,
    sha256: str,
    on_bytes: Callable[[int, int | None], None],
    variables: Mapping[str, str] | None = None,
) -> None:
    """Fetch `url` to `path`, whole and with the right SHA-256 or not at all.

    `on_bytes(done, total)` is called as it grows; `variables` may hold SSL_CERT_FILE and ALL_PROXY from pip's
    configuration. Raises NetworkError, ProvisionError (wrong hash, full disk).
    """
    import requests

    name = ""
    try:
        descriptor, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        digest = hashlib.sha256()
        with os.fdopen(descriptor, "wb") as stream:
            done = 0
            for chunk, total in _chunks(url, variables):
                stream.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                on_bytes(done, total)
            stream.flush()
            os.fsync(stream.fileno())
        if digest.hexdigest() != sha256:
            raise ProvisionError(
                f"{without_credentials(url)} has SHA-256 {digest.hexdigest()[:12]}..., not {sha256[:12]}...",
                remedy="something between here and the server changes downloads (a proxy's login page?)",
            )
        Path(name).replace(path)
    except requests.RequestException as error:
        raise NetworkError(
            f"cannot download {without_credentials(url)}: {explain(error)}",
            remedy="see that the network, or the proxy in HTTPS_PROXY, lets it through",
        ) from error
    except OSError as error:
        raise ProvisionError(f"cannot write {path}: {error.strerror}", remedy="free some disk space") from error
    finally:
        if name:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)


def warm_up() -> None:
    """Load requests while something else is waited for."""
    threading.Thread(target=_session, daemon=True).start()


def explain(error: Exception) -> str:
    """What a network error means, in a few words."""
    reply = getattr(error, "response", None)
    if reply is not None:
        return f"the server answers {reply.status_code} {reply.reason}".rstrip()
    text = str(error)
    for part, words in _WORDS.items():
        if part in text:
            return words
    return type(error).__name__


_WORDS = {
    "Name or service not known": "its name is not known here",
    "getaddrinfo failed": "its name is not known here",
    "nodename nor servname": "its name is not known here",
    "NameResolutionError": "its name cannot be looked up",
    "CERTIFICATE_VERIFY_FAILED": "its certificate is not trusted; set SSL_CERT_FILE to your organisation's",
    "ProxyError": "the proxy refuses",
    "Connection refused": "the connection was refused",
    "Network is unreachable": "there is no network",
    "ConnectTimeout": "it does not answer",
    "timed out": "it stopped answering",
    "IncompleteRead": "the connection broke off",
    "Connection aborted": "the connection broke off",
}


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or without_credentials(url)
    except ValueError:
        return without_credentials(url)


def _chunks(url: str, variables: Mapping[str, str] | None) -> Iterator[tuple[bytes, int | None]]:
    path = local_path(url)
    if path is not None:
        yield (content := path.read_bytes()), len(content)
        return
    with (
        _session(variables) as session,
        session.get(url, stream=True, timeout=(CONNECT_SECONDS * 3, _DOWNLOAD_READ_SECONDS)) as reply,
    ):
        reply.raise_for_status()
        length = reply.headers.get("Content-Length")
        total = int(length) if length and length.isdigit() else None
        for chunk in reply.iter_content(_CHUNK_BYTES):
            yield chunk, total


def _head(session: requests.Session, url: str) -> int | None:
    import requests

    try:
        reply = session.head(url, allow_redirects=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
    except requests.RequestException:
        return None
    length = reply.headers.get("Content-Length", "")
    return int(length) if reply.ok and length.isdigit() else None


def _session(variables: Mapping[str, str] | None = None) -> requests.Session:
    """Proxies come from the environment; so does the certificate bundle, under any of its usual names."""
    import requests
    from requests.adapters import HTTPAdapter

    from mambench import __version__

    session = requests.Session()
    session.headers["User-Agent"] = f"mambench/{__version__}"
    told = variables or {}
    if proxy := told.get("ALL_PROXY"):
        session.proxies = {"http": proxy, "https": proxy}
    bundle = told.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_FILE")
    if bundle and not (os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")):
        session.verify = bundle
    adapter = HTTPAdapter(pool_maxsize=_PARALLEL, max_retries=1)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session
