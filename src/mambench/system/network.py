"""What goes over a network: reachability, sizes, downloads. The only importer of requests."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit
from urllib.request import url2pathname

from mambench.errors import NetworkError, ProvisionError

if TYPE_CHECKING:
    import requests

_logger = logging.getLogger(__name__)

CONNECT_SECONDS, READ_SECONDS = 3.0, 5.0
"""Of a probe; a download may pause for longer."""

_DOWNLOAD_READ_SECONDS = 60.0
_CHUNK_BYTES = 1 << 18
_PARALLEL = 16
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
        return _network_error(f"cannot read {without_credentials(url)}", error)
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
        raise _network_error(f"cannot read {without_credentials(page)}", error) from error
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
    except OSError as error:
        raise ProvisionError(f"cannot write {path}: {error.strerror}", remedy="free some disk space") from error
    finally:
        if name:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)


def warm_up() -> None:
    """Load requests while something else is waited for."""
    threading.Thread(target=_session, daemon=True).start()


# ------------------------------------------------------------------------------------------- what went wrong


@dataclass(frozen=True)
class Fault:
    """What a network did, in the words one would search for, and the next step."""

    words: str
    remedy: str


def dns_failed(host: str) -> Fault:
    """The host's name has no address."""
    return Fault(f"DNS lookup failed for {host}", "correct the name; behind a proxy, set HTTPS_PROXY")


def refused(address: str) -> Fault:
    """Nobody listens there, or a firewall says so."""
    return Fault(
        f"connection refused by {address}", "see that the server, or the proxy in HTTPS_PROXY, is right and runs"
    )


def cannot_connect(host: str) -> Fault:
    """It is not told why."""
    return Fault(f"cannot connect to {host}", "see that the network works; behind a proxy, set HTTPS_PROXY")


def no_answer(host: str) -> Fault:
    """Neither yes nor no came in time."""
    return Fault(f"connection to {host} timed out", "try again; behind a proxy, set HTTPS_PROXY")


def broke_off(host: str) -> Fault:
    """The connection ended in the middle."""
    return Fault(f"connection to {host} broke off", "try again")


def not_trusted(host: str, why: str = "") -> Fault:
    """Nobody whom we trust signed the certificate."""
    return Fault(
        f"certificate of {host} is not trusted{f' ({why})' if why else ''}",
        "set SSL_CERT_FILE to your organisation's certificates",
    )


def wrong_name(host: str) -> Fault:
    """The certificate is another host's."""
    return Fault(f"certificate is not valid for {host}", "correct the host's name, or see what answers in its place")


def answered(host: str, status: int, reason: str) -> Fault:
    """An HTTP status that is no success."""
    if status == 407:
        return Fault(
            f"proxy answered 407 {reason or 'Proxy Authentication Required'}",
            "put the login into the proxy's URL: HTTPS_PROXY=http://user:password@host:port",
        )
    logins = {401: "put the login into the URL", 403: "put a login that is allowed to into the URL"}
    return Fault(
        f"{host} answered {status} {reason}".rstrip(), logins.get(status, "correct the URL, or try again later")
    )


def explain(error: BaseException) -> Fault:
    """What an exception of requests means; its causes tell it by their types."""
    import socket
    import ssl

    causes = list(_causes(error))
    url = getattr(getattr(error, "request", None), "url", None) or ""
    connection = next((each.conn for each in causes if hasattr(each, "conn")), None)  # with a proxy, the one to it
    host = host_of(url) if connection is None else str(connection.host)
    address = host_of(url) if connection is None else f"{connection.host}:{connection.port}"
    if any(type(each).__name__ == "ProxyError" for each in causes):
        host, address = f"the proxy {host}", f"the proxy {address}"
    if (reply := getattr(error, "response", None)) is not None:
        return answered(host, reply.status_code, reply.reason)
    for each in causes:
        text = str(each)
        if isinstance(each, ssl.SSLCertVerificationError):
            return wrong_name(host) if "not valid for" in text else not_trusted(host, each.verify_message)
        if isinstance(each, ssl.SSLError):
            return Fault(f"TLS handshake with {host} failed ({each.reason})", "see that the server speaks https")
        if isinstance(each, socket.gaierror):
            return dns_failed(host)
        if isinstance(each, ConnectionRefusedError):
            return refused(address)
        if isinstance(each, TimeoutError) or "timed out" in text:
            return no_answer(host)
        if isinstance(each, ConnectionError) or "IncompleteRead" in text:  # the builtin: reset, broken pipe
            return broke_off(host)
        if type(each) is OSError and (match := re.search(r"Tunnel connection failed: (\d{3}) ?(.*)", text)):
            return answered("the proxy", int(match[1]), match[2])
        if type(each) is OSError and "CA certificate bundle" in text:
            return Fault(text, "correct SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE")
        if type(each) is OSError and each.strerror:
            return Fault(f"{each.strerror}: {host}", "see that the network works")
    return Fault(type(error).__name__, "see that the URL is right and the network works")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The deepest first: requests and urllib3 wrap in `reason` and `args` what Python does not chain."""
    inner = [*error.args, getattr(error, "reason", None), error.__cause__ or error.__context__]
    for each in inner:
        if isinstance(each, BaseException):
            yield from _causes(each)
            break
    yield error


def _network_error(what: str, error: OSError) -> NetworkError:
    """`what`, why, and the next step; it keeps its cause."""
    fault = explain(error)
    wrapped = NetworkError(f"{what}: {fault.words}", remedy=fault.remedy)
    wrapped.__cause__ = error
    return wrapped


def host_of(url: str) -> str:
    """The host that a URL names, for messages."""
    try:
        return urlsplit(url).hostname or without_credentials(url)
    except ValueError:
        return without_credentials(url)


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
        raise _network_error(f"cannot download {without_credentials(url)}", error) from error


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
