"""What goes over a network: reachability, sizes, links of a page, downloads. The only importer of requests."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from mambench.errors import NetworkError, ProvisionError
from mambench.system import files
from mambench.system.addresses import local_path, without_credentials
from mambench.system.faults import explain

if TYPE_CHECKING:
    import requests


_logger = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
"""Of a probe; a download may pause for longer."""

_DOWNLOAD_READ_SECONDS = 60.0
_CHUNK_BYTES = 1 << 18
_PARALLEL = 16


def unreachable(url: str) -> NetworkError | None:
    """Why the first bytes of `url` could not be fetched; None when they come."""
    path = local_path(url)
    if path is not None:
        return None if path.exists() else NetworkError(f"{path} does not exist", remedy="correct the path")
    try:
        with (
            _session() as session,
            session.get(url, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)) as reply,
        ):
            reply.raise_for_status()
            next(reply.iter_content(64), b"")
    except OSError as error:  # requests' own are among them, and a certificate file that is not there
        _logger.info("%s could not be reached", url, exc_info=error)
        return _failed("read", url, error)
    return None


def sizes(urls: Iterable[str]) -> Mapping[str, int]:
    """Bytes of what each URL names, by HEAD and in parallel; what cannot be found out is left out."""
    urls = list(urls)
    known: dict[str, int] = {}
    remote = []
    for url in urls:
        path = local_path(url)
        if path is None:
            remote.append(url)
        elif path.is_file():
            known[url] = path.stat().st_size
    if remote:
        with _session() as session, ThreadPoolExecutor(min(_PARALLEL, len(remote))) as pool:
            for url, size in zip(remote, pool.map(lambda url: _head(session, url), remote), strict=True):
                if size is not None:
                    known[url] = size
    return known


class _Links(HTMLParser):
    """The targets of a page's links."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self._page = page
        self.targets: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.targets.append(urljoin(self._page, href))


def links(page: str, *, variables: Mapping[str, str] | None = None) -> list[str]:
    """The URLs to which an HTML page links, as a package index does, or of the files in a folder. Raises NetworkError.

    `variables` as for `download`.
    """
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
    except OSError as error:
        raise _failed("read", page, error) from error
    parser = _Links(page)
    parser.feed(text)
    return parser.targets


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
    name = ""
    try:
        descriptor, name = files.new_file(path)
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
        files.replace(name, path)
    except OSError as error:
        raise ProvisionError(f"cannot write {path}: {error.strerror}", remedy="free some disk space") from error
    finally:
        if name:
            with contextlib.suppress(OSError):
                files.remove(Path(name))


def warm_up() -> None:
    """Load requests while something else is waited for."""
    threading.Thread(target=_session, daemon=True).start()


def _failed(verb: str, url: str, error: OSError) -> NetworkError:
    """What could not be done, why, and the next step; it keeps its cause. No network is blamed for a local path."""
    if (path := local_path(url)) is not None:
        wrapped = NetworkError(f"{path}: {error.strerror or error}", remedy="correct the path")
    else:
        fault = explain(error)
        wrapped = NetworkError(f"cannot {verb} {without_credentials(url)}: {fault.words}", remedy=fault.remedy)
    wrapped.__cause__ = error
    return wrapped


def _chunks(url: str, variables: Mapping[str, str] | None) -> Iterator[tuple[bytes, int | None]]:
    """Raises NetworkError; what the caller does with a chunk is not within the `try`."""
    path = local_path(url)
    try:
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
    except OSError as error:
        raise _failed("download", url, error) from error


def _head(session: requests.Session, url: str) -> int | None:
    try:
        reply = session.head(url, allow_redirects=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
    except OSError:  # requests' own are among them
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
