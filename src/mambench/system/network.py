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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from mambench.errors import MambenchError, NetworkError, ProvisionError
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

_BLOCK_BYTES = 1 << 20
"""Of what lies on a disk."""

PART = ".part"
"""Ends the name of a file that has come in part, and is gone on with."""

_PARALLEL = 16
_DOWNLOADS = 4
_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 206, 416
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
    url: str,
    path: Path,
    *,
    sha256: str | None,
    on_bytes: OnBytes,
    variables: Mapping[str, str] | None = None,
    resume: bool = False,
) -> None:
    """Fetch `url` to `path`, whole and with the right SHA-256, if that is known, or not at all.

    `variables` may hold SSL_CERT_FILE and ALL_PROXY from pip's configuration. With `resume`, what has come stays beside
    `path` when the network fails or somebody stops it, and the next call goes on behind it. Raises NetworkError,
    ProvisionError (wrong hash, full disk).
    """
    part: Path | None = None
    kept = False
    try:
        part = path.with_name(path.name + PART) if resume else files.new_path(path)
        kept = resume
        begun = part.stat().st_size if part.exists() else 0
        reply = _Reply(url, variables, verb="download", begins_at=begun)
        digest = _write(reply, part, on_bytes)
        if sha256 is not None and digest != sha256:
            kept = False
            raise _another_file(reply, part, url, digest, sha256)
        files.replace(part, path)
    except OSError as error:
        raise files.cannot_write(path, error) from error
    finally:
        if part is not None and not kept:
            with contextlib.suppress(OSError):
                files.remove(part)


@dataclass(frozen=True)
class Download:
    """What is to be fetched, where it is to lie, and its SHA-256 if that is known."""

    url: str
    path: Path
    sha256: str | None


def download_all(
    downloads: Sequence[Download],
    *,
    on_bytes: Callable[[int], None],
    variables: Mapping[str, str] | None = None,
) -> None:
    """Fetch several at once, each as `download` with `resume`; `on_bytes` is told what there is of all of them.

    Raises the error of the first that fails; the others are stopped, and gone on with next time.
    """
    come: dict[Download, int] = {}
    stopped = threading.Event()

    def fetch(each: Download) -> None:
        def count(done: int, _total: int | None) -> None:
            come[each] = done
            if stopped.is_set():
                raise NetworkError("another download failed")

        if not stopped.is_set():
            download(each.url, each.path, sha256=each.sha256, on_bytes=count, variables=variables, resume=True)

    with ThreadPoolExecutor(_DOWNLOADS) as pool:
        pending = {pool.submit(fetch, each) for each in downloads}
        try:
            while pending:
                done, pending = wait(pending, timeout=_TICK_SECONDS, return_when=FIRST_EXCEPTION)
                on_bytes(sum(come.values()))
                for each in done:
                    each.result()
        finally:
            stopped.set()


def _write(reply: _Reply, part: Path, on_bytes: OnBytes) -> str:
    """Put what comes behind what `part` holds, or in its place where the server begins anew; gives its SHA-256."""
    digest = hashlib.sha256()
    with part.open("ab+") as stream:
        begun = False
        for chunk in _told(reply, on_bytes):
            if chunk and not begun:
                begun = True
                stream.truncate(reply.begins_at)
                stream.seek(0)
                for known in iter(lambda: stream.read(_BLOCK_BYTES), b""):
                    digest.update(known)
            stream.write(chunk)
            digest.update(chunk)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def _another_file(reply: _Reply, part: Path, url: str, digest: str, sha256: str) -> MambenchError:
    with part.open("rb") as stream:
        begins = stream.read(64)
    if begins.lstrip().startswith(b"<"):
        return _network_error("download", url, faults.another_page(host_of(reply.url)))
    return ProvisionError(
        f"{without_credentials(url)} has SHA-256 {digest[:12]}..., not {sha256[:12]}...",
        remedy="something between here and the server changes downloads (a proxy's login page?)",
    )


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

    def __init__(
        self,
        url: str,
        variables: Mapping[str, str] | None,
        *,
        verb: str,
        accept: str = "*/*",
        begins_at: int = 0,
    ) -> None:
        self.url = url
        """Where it came from in the end."""
        self.begins_at = begins_at
        """What was asked to be left out, in bytes; with the first part, what was left out."""
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
                self._fetch_file(path)
            else:
                self._fetch_url()
            self._parts.put(b"")
        except Exception as error:  # to be raised where somebody sees it
            self._parts.put(error)

    def _fetch_file(self, path: Path) -> None:
        with path.open("rb") as stream:
            self.begins_at = 0
            self.total_bytes = os.fstat(stream.fileno()).st_size
            while self._wanted and (part := stream.read(_BLOCK_BYTES)):
                self._parts.put(part)

    def _fetch_url(self) -> None:
        headers = {"Accept": self._accept}
        if self.begins_at:
            headers |= {"Range": f"bytes={self.begins_at}-", "Accept-Encoding": "identity"}
        timeout = (_CONNECT_SECONDS * 3, SILENT_SECONDS)
        with (
            _session(self._variables) as session,
            session.get(self._asked, stream=True, timeout=timeout, headers=headers) as reply,
        ):
            if reply.status_code == _RANGE_NOT_SATISFIABLE:  # all of it has come, or more: another file
                self.begins_at = 0
                self._fetch_url()
                return
            reply.raise_for_status()
            self.url = reply.url
            if reply.status_code != _PARTIAL_CONTENT:
                self.begins_at = 0
            length = reply.headers.get("Content-Length", "")
            self.total_bytes = self.begins_at + int(length) if length.isdigit() else None
            for part in reply.iter_content(_CHUNK_BYTES):
                if not self._wanted:
                    return
                self._parts.put(part)


def _told(reply: _Reply, on_bytes: OnBytes) -> Iterator[bytes]:
    """The parts of a reply; with each, `on_bytes` is told how much there is, what had come before included."""
    come = 0
    for part in reply:
        come += len(part)
        on_bytes(reply.begins_at + come, reply.total_bytes)
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
