"""What goes over a network: reachability, sizes, links of a page, downloads. The only importer of requests.

All of it happens in threads of its own: looking up a name, for one, is deaf to signals.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from mambench.errors import NetworkError, ProvisionError
from mambench.system import contents, faults, files, parallel
from mambench.system.addresses import host_of, local_path, url_path, without_credentials

if TYPE_CHECKING:
    import requests


_logger = logging.getLogger(__name__)

PROBE_SECONDS = 9.0
"""Of a question whose answer is short, in all; after 10 a person has to see a sign of life."""

SILENT_SECONDS = 60.0
"""Of a download without a byte. One that moves, however slowly, goes on."""

_CONNECT_SECONDS, _READ_SECONDS = 3.0, 5.0
"""Of each try of a question; a download has three times as long to connect."""

_CHUNK_BYTES = 1 << 12
"""Small, so that a slow download is seen to move."""

_PARALLEL = 16
_REFUSALS = (401, 403, 404, 410)
"""Statuses that a download would end with too; a server may refuse a HEAD alone by any other."""
_TICK_SECONDS = 0.25
_FAILURES = (OSError, ValueError)
"""requests' own are OSError, as is a certificate file that is not there; a URL that is none is ValueError."""

OnBytes = Callable[[int, int | None], None]
"""Called with what has come and what comes in all, 4 times a second also while nothing does."""


def unreachable(url: str, *, begins: tuple[bytes, ...] = ()) -> NetworkError | None:
    """Why the first bytes of `url` could not be fetched; None when they come, and are one of `begins` if given."""
    path = local_path(url)
    if path is not None:
        return None if path.exists() else NetworkError(f"{path} does not exist", remedy="correct the path")

    def ask(url: str) -> NetworkError | None:
        try:
            with (
                _session() as session,
                session.get(url, stream=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS)) as reply,
            ):
                reply.raise_for_status()
                content = next(reply.iter_content(64), b"")
        except _FAILURES as error:
            failed = _failed("read", url, error)
            _logger.info("%s could not be reached", url, exc_info=failed.__cause__)
            return failed
        if begins and not content.startswith(begins):
            return _network_error("read", url, faults.another_page(host_of(reply.url)))
        return None

    answers = parallel.answers(ask, [url], within_seconds=PROBE_SECONDS)
    return answers[url] if url in answers else _network_error("read", url, faults.no_answer(host_of(url)))


def sizes(urls: Iterable[str]) -> Mapping[str, int]:
    """Bytes of what each URL names, by HEAD and in parallel; what cannot be found out in time is left out."""
    return {url: size for url, size in heads(urls).items() if isinstance(size, int)}


def heads(urls: Iterable[str]) -> Mapping[str, int | faults.Fault]:
    """Bytes of what each URL names, or why it cannot be downloaded; what neither is known of in time is left out."""
    urls = list(urls)
    known: dict[str, int | faults.Fault] = {
        url: path.stat().st_size if path.is_file() else faults.Fault(f"{path} does not exist", "put it there")
        for url in urls
        if (path := local_path(url)) is not None
    }
    if remote := [url for url in urls if url not in known]:
        session = _session()  # never closed: a thread may use it for longer than we wait
        answers = parallel.answers(lambda url: _head(session, url), remote, within_seconds=PROBE_SECONDS)
        known |= {url: answer for url, answer in answers.items() if answer is not None}
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


def links(
    page: str, *, on_bytes: OnBytes, variables: Mapping[str, str] | None = None, ends: tuple[str, ...] = ()
) -> list[str]:
    """The URLs to which an HTML page links, as a package index does, or of the files in a folder. Raises NetworkError.

    `on_bytes` and `variables` as for `download`. A page of a server none of whose links has one of `ends`, if given, is
    another page than was asked for.
    """
    path = local_path(page)
    try:
        if path is not None and not (path / "index.html").is_file():
            return [file.as_uri() for file in path.absolute().iterdir()]
        if path is not None:
            content, page = (path / "index.html").read_bytes(), f"{path.absolute().as_uri()}/"
    except OSError as error:
        raise _failed("read", page, error) from error
    if path is None:
        reply = _Reply(page, variables, verb="read", accept="application/vnd.pypi.simple.v1+html, text/html;q=0.9")
        content = b"".join(_told(reply, on_bytes))
        page = reply.url
    parser = _Links(page)
    parser.feed(content.decode(errors="replace"))
    if path is None and ends and not any(url_path(link).endswith(ends) for link in parser.targets):
        raise _network_error("read", page, faults.another_page(host_of(page)))
    return parser.targets


def download(
    url: str, path: Path, *, sha256: str, on_bytes: OnBytes, variables: Mapping[str, str] | None = None
) -> None:
    """Fetch `url` to `path`, whole and with the right SHA-256 or not at all.

    `variables` may hold SSL_CERT_FILE and ALL_PROXY from pip's configuration. Raises NetworkError, ProvisionError
    (wrong hash, full disk).
    """
    name, begins, reply = "", b"", _Reply(url, variables, verb="download")
    try:
        descriptor, name = files.new_file(path)
        digest = hashlib.sha256()
        with os.fdopen(descriptor, "wb") as stream:
            for chunk in _told(reply, on_bytes):
                begins = begins or chunk
                stream.write(chunk)
                digest.update(chunk)
            stream.flush()
            os.fsync(stream.fileno())
        if digest.hexdigest() != sha256:
            if begins.lstrip().startswith(b"<"):
                raise _network_error("download", url, faults.another_page(host_of(reply.url)))
            raise ProvisionError(
                f"{without_credentials(url)} has SHA-256 {digest.hexdigest()[:12]}..., not {sha256[:12]}...",
                remedy="something between here and the server changes downloads (a proxy's login page?)",
            )
        files.replace(name, path)
    except OSError as error:
        raise files.cannot_write(path, error) from error
    finally:
        if name:
            with contextlib.suppress(OSError):
                files.remove(Path(name))


def warm_up() -> None:
    """Load requests while something else is waited for."""
    threading.Thread(target=_session, daemon=True).start()


def _failed(verb: str, url: str, error: Exception) -> NetworkError:
    """What could not be done, why, and the next step. No network is blamed for a local path.

    It keeps its cause for the log, but where a URL is none: that tells pieces of it, and a login may be among them.
    """
    if (path := local_path(url)) is not None:
        failed = NetworkError(f"{path}: {contents.words(error)}", remedy="correct the path")
    else:
        failed = _network_error(verb, url, faults.explain(error, url))
    if not isinstance(error, ValueError):
        failed.__cause__ = error
    return failed


def _network_error(verb: str, url: str, fault: faults.Fault) -> NetworkError:
    return NetworkError(f"cannot {verb} {without_credentials(url)}: {fault.words}", remedy=fault.remedy)


class _Reply:
    """What comes from a URL, in parts as they come: an empty one 4 times a second while nothing does.

    Iterating raises NetworkError, after SILENT_SECONDS without a byte too.
    """

    def __init__(self, url: str, variables: Mapping[str, str] | None, *, verb: str, accept: str = "*/*") -> None:
        self.url = url
        """Where it came from in the end."""
        self.total_bytes: int | None = None
        self._asked, self._variables, self._verb, self._accept = url, variables, verb, accept
        self._parts: queue.SimpleQueue[bytes | Exception] = queue.SimpleQueue()
        self._wanted = True

    def __iter__(self) -> Iterator[bytes]:
        threading.Thread(target=self._fetch, daemon=True).start()
        since = time.monotonic()
        try:
            while True:
                try:
                    part = self._parts.get(timeout=_TICK_SECONDS)
                except queue.Empty:
                    if time.monotonic() - since > SILENT_SECONDS:
                        raise _network_error(self._verb, self._asked, faults.no_answer(host_of(self.url))) from None
                    yield b""
                    continue
                if isinstance(part, _FAILURES):
                    raise _failed(self._verb, self._asked, part)
                if isinstance(part, Exception):
                    raise part
                if not part:
                    return
                since = time.monotonic()
                yield part
        finally:
            self._wanted = False

    def _fetch(self) -> None:
        """In a thread of its own; an empty part says that no more comes."""
        try:
            if (path := local_path(self._asked)) is not None:
                self._parts.put(path.read_bytes())
                self._parts.put(b"")
                return
            timeout = (_CONNECT_SECONDS * 3, SILENT_SECONDS)
            with (
                _session(self._variables) as session,
                session.get(self._asked, stream=True, timeout=timeout, headers={"Accept": self._accept}) as reply,
            ):
                reply.raise_for_status()
                self.url = reply.url
                length = reply.headers.get("Content-Length", "")
                self.total_bytes = int(length) if length.isdigit() else None
                for part in reply.iter_content(_CHUNK_BYTES):
                    if not self._wanted:
                        return
                    self._parts.put(part)
            self._parts.put(b"")
        except Exception as error:  # to be raised where somebody sees it
            self._parts.put(error)


def _told(reply: _Reply, on_bytes: OnBytes) -> Iterator[bytes]:
    """The parts of a reply; with each, `on_bytes` is told how much there is."""
    done = 0
    for part in reply:
        done += len(part)
        on_bytes(done, reply.total_bytes)
        yield part


def _head(session: requests.Session, url: str) -> int | faults.Fault | None:
    """None where nothing follows from the answer, or from there being none in time."""
    import requests

    try:
        reply = session.head(url, allow_redirects=True, timeout=(_CONNECT_SECONDS, _READ_SECONDS))
        if reply.status_code in _REFUSALS:
            reply.raise_for_status()
    except requests.Timeout:
        return None
    except (requests.ConnectionError, requests.HTTPError) as error:
        return faults.explain(error, url)
    except _FAILURES:
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
