"""Downloads whole or not at all, sizes, reachability, and nothing secret in any message; servers are loopback."""

from __future__ import annotations

import hashlib
import socket
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from mambench.errors import NetworkError, ProvisionError
from mambench.system import addresses, network

CONTENT = bytes(range(256)) * 4000
SHA256 = hashlib.sha256(CONTENT).hexdigest()


class Handler(BaseHTTPRequestHandler):
    """/file is whole, /cut breaks off in the middle, /moved leads to /file, /unsized has no length."""

    server: Server

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, *, body: bool) -> None:
        self.server.asked.append((self.command, self.path, self.headers.get("User-Agent", "")))
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name == "moved":
            self.send_response(302)
            self.send_header("Location", "/file")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if name not in ("file", "cut", "unsized"):
            self.send_error(404, "Not Found")
            return
        self.send_response(200)
        if name != "unsized":
            self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        if body:
            self.wfile.write(CONTENT[: len(CONTENT) // 2] if name == "cut" else CONTENT)
        self.close_connection = True

    def log_message(self, *_arguments: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    asked: list[tuple[str, str, str]]

    def handle_error(self, *_arguments: object) -> None:
        """A client that hangs up after its probe is no news."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield found
        found.shutdown()


@pytest.fixture
def server(running: Server) -> Server:
    running.asked = []
    return running


@pytest.fixture(autouse=True)
def no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def fetch(url: str, path: Path, sha256: str = SHA256) -> list[tuple[int, int | None]]:
    seen: list[tuple[int, int | None]] = []
    network.download(url, path, sha256=sha256, on_bytes=lambda done, total: seen.append((done, total)))
    return seen


# --------------------------------------------------------------------------------------------- download


def test_a_whole_download_lies_there_and_told_its_progress(server: Server, tmp_path: Path) -> None:
    seen = fetch(f"{server.url}/file", tmp_path / "x")
    assert (tmp_path / "x").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert server.asked[0][2].startswith("mambench/")


def test_a_server_may_not_tell_the_length(server: Server, tmp_path: Path) -> None:
    assert fetch(f"{server.url}/unsized", tmp_path / "x")[-1] == (len(CONTENT), None)


@pytest.mark.parametrize(
    ("name", "sha256", "kind", "words"),
    [
        ("file", "0" * 64, ProvisionError, "SHA-256"),
        ("cut", SHA256, NetworkError, "broke off"),
        ("nothing", SHA256, NetworkError, "404 Not Found"),
    ],
)
def test_a_download_that_fails_leaves_the_old_file_and_nothing_else(
    server: Server, tmp_path: Path, name: str, sha256: str, kind: type[ProvisionError], words: str
) -> None:
    (tmp_path / "x").write_text("old")
    with pytest.raises(kind, match=words) as caught:
        fetch(f"{server.url}/{name}", tmp_path / "x", sha256)
    assert type(caught.value) is kind
    assert caught.value.remedy
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
    assert (tmp_path / "x").read_text() == "old"


def test_a_download_that_is_interrupted_leaves_nothing(server: Server, tmp_path: Path) -> None:
    def stop(_done: int, _total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        network.download(f"{server.url}/file", tmp_path / "x", sha256=SHA256, on_bytes=stop)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_connection_is_a_network_error(closed_port: int, tmp_path: Path) -> None:
    with pytest.raises(NetworkError, match=f"connection refused by 127.0.0.1:{closed_port}"):
        fetch(f"http://127.0.0.1:{closed_port}/file", tmp_path / "x")


def test_a_folder_that_cannot_be_written_is_told(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ProvisionError, match="cannot write"):
        fetch(f"{server.url}/file", tmp_path / "file" / "x")


# ------------------------------------------------------------------------------------------------- sizes


def test_sizes_are_asked_by_head(server: Server) -> None:
    urls = [f"{server.url}/{name}" for name in ("file", "moved", "nothing", "unsized")]
    assert network.sizes(urls) == {urls[0]: len(CONTENT), urls[1]: len(CONTENT)}
    assert {command for command, _, _ in server.asked} == {"HEAD"}


def test_sizes_of_local_files_need_no_server(tmp_path: Path) -> None:
    file = tmp_path / "a%20b 100%.whl"
    file.write_bytes(b"12345")
    gone = (tmp_path / "gone.whl").as_uri()
    assert network.sizes([file.as_uri(), str(file), gone]) == {file.as_uri(): 5, str(file): 5}


def test_no_sizes_are_no_question() -> None:
    assert network.sizes([]) == {}


def test_a_server_that_is_gone_has_no_sizes(closed_port: int) -> None:
    assert network.sizes([f"http://127.0.0.1:{closed_port}/file"]) == {}


# ------------------------------------------------------------------------------------------ reachability


def test_what_answers_is_reachable(server: Server, tmp_path: Path) -> None:
    assert network.unreachable(f"{server.url}/file") is None
    assert network.unreachable(f"{server.url}/moved") is None
    assert network.unreachable(tmp_path.as_uri()) is None
    assert network.unreachable(str(tmp_path)) is None


def test_what_a_server_answers_is_told(server: Server, tmp_path: Path) -> None:
    assert str(network.unreachable(f"{server.url}/nothing")) == (
        f"cannot read {server.url}/nothing: 127.0.0.1 answered 404 Not Found"
    )
    gone = tmp_path / "gone"
    assert str(network.unreachable(gone.as_uri())) == f"{gone} does not exist"


# ------------------------------------------------------------------------------------------ what went wrong

CERTIFICATES = Path(__file__).parent / "certificates"
"""A self-signed certificate for wrong.example and its key, good for a century; made by `openssl req -x509`."""


class Proxy(BaseHTTPRequestHandler):
    """A proxy that wants a login."""

    def refuse(self) -> None:
        self.send_response(407, "Proxy Authentication Required")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_CONNECT = do_GET = do_HEAD = refuse

    def log_message(self, *_arguments: object) -> None:
        pass


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("NO_PROXY")
    with Server(("127.0.0.1", 0), Proxy) as found:
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, found.url.replace("//", "//me:secret@"))
        yield
        found.shutdown()


@pytest.fixture
def tls() -> Iterator[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "wrong.example.pem")
    with Server(("127.0.0.1", 0), Handler) as found:
        found.asked = []
        found.socket = context.wrap_socket(found.socket, server_side=True)
        threading.Thread(target=found.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield found.url.replace("http:", "https:")
        found.shutdown()


def told(url: str) -> NetworkError:
    """Why it cannot be read; the error keeps its cause, has a next step, and shows no login."""
    problem = network.unreachable(url.replace("//", "//me:secret@"))
    assert problem is not None
    assert problem.__cause__ is not None
    assert problem.remedy
    assert "secret" not in f"{problem} {problem.remedy}"
    return problem


@pytest.mark.usefixtures("proxy")
@pytest.mark.parametrize("url", ["https://far.invalid/x", "http://far.invalid/x"])
def test_a_proxy_that_wants_a_login(url: str) -> None:
    problem = told(url)
    assert "proxy answered 407 Proxy Authentication Required" in str(problem)
    assert "HTTPS_PROXY=http://user:password@host:port" in problem.remedy


def test_a_certificate_that_nobody_signed(tls: str) -> None:
    problem = told(f"{tls}/file")
    assert "certificate of 127.0.0.1 is not trusted (self-signed certificate)" in str(problem)
    assert "SSL_CERT_FILE" in problem.remedy


def test_a_certificate_of_another_host(tls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "wrong.example.cert"))
    assert "certificate is not valid for 127.0.0.1" in str(told(f"{tls}/file"))


def test_a_certificate_file_that_is_not_there(tls: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/no/such.pem")
    problem = told(f"{tls}/file")
    assert "/no/such.pem" in str(problem)
    assert "SSL_CERT_FILE" in problem.remedy
    with pytest.raises(NetworkError, match=r"/no/such\.pem"):
        fetch(f"{tls}/file", tmp_path / "x")
    assert network.sizes([f"{tls}/file"]) == {}


def test_a_name_that_does_not_resolve() -> None:
    assert str(told("http://no-such-host.invalid/x")).endswith("DNS lookup failed for no-such-host.invalid")


def test_a_port_that_nobody_serves(closed_port: int) -> None:
    assert str(told(f"http://127.0.0.1:{closed_port}/x")).endswith(f"connection refused by 127.0.0.1:{closed_port}")


def test_a_proxy_that_is_not_there(closed_port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{closed_port}")
    assert f"connection refused by the proxy 127.0.0.1:{closed_port}" in str(told("https://far.invalid/x"))


def test_a_server_that_speaks_no_tls(server: Server) -> None:
    assert "TLS handshake with 127.0.0.1 failed" in str(told(f"{server.url.replace('http:', 'https:')}/file"))


def test_a_server_that_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "READ_SECONDS", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "connection to 127.0.0.1 timed out" in str(told(f"http://127.0.0.1:{silent.getsockname()[1]}/x"))


def test_an_address_that_is_none() -> None:
    assert "InvalidURL" in str(told("http://[broken/x"))


# --------------------------------------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/simple/", "https://example.org/simple/"),
        ("https://me:secret@example.org:8080/x?y=1", "https://***@example.org:8080/x?y=1"),
        ("https://secret@example.org/x", "https://***@example.org/x"),
        ("https://me:sec,ret@example.org/x", "https://***@example.org/x"),
        ("https://me:sec'ret@x@example.org/x", "https://***@example.org/x"),
        ("https://example.org/t/se-cret-token/channel/linux-64", "https://example.org/t/***/channel/linux-64"),
        ("https://me:secret@example.org/t/secret/channel", "https://***@example.org/t/***/channel"),
        ("https://example.org/x.whl#sha256=abc", "https://example.org/x.whl"),
        ("--channel=https://me:secret@example.org/x", "--channel=https://***@example.org/x"),
        ("https://a:secret@example.org,https://b:secret@example.net", "https://***@example.org,https://***@example.net"),
        ("no `https://me:secret@example.org/x` (HTTP 401)", "no `https://***@example.org/x` (HTTP 401)"),
        ("http://[broken", "http://[broken"),
        ("file:///t/secretless/x", "file:///t/secretless/x"),
        ("/t/local/path", "/t/local/path"),
        ("conda-forge", "conda-forge"),
    ],
)  # fmt: skip
def test_logins_and_tokens_are_never_shown(url: str, shown: str) -> None:
    assert addresses.without_credentials(url) == shown


def test_a_failed_download_tells_no_secret(server: Server, tmp_path: Path) -> None:
    address = server.url.replace("//", "//me:secret@")
    for name, sha256 in (("file", "0" * 64), ("nothing", SHA256), ("cut", SHA256)):
        with pytest.raises(ProvisionError) as caught:
            fetch(f"{address}/t/secret/{name}", tmp_path / "x", sha256)
        assert "secret" not in f"{caught.value} {caught.value.remedy}"


@pytest.mark.parametrize("name", ["plain", "with space", "José", "100%", "50%41", "a#b?c"])
def test_a_file_url_names_the_path_it_was_made_from(tmp_path: Path, name: str) -> None:
    assert addresses.local_path((tmp_path / name).as_uri()) == tmp_path / name


def test_what_is_on_a_network_has_no_local_path() -> None:
    assert addresses.local_path("https://example.org/x") is None
    assert addresses.local_path("s3://bucket/x") is None
    assert addresses.local_path("wheels") == Path("wheels")


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, True),
        ({"SSL_CERT_FILE": "/ca.pem"}, "/ca.pem"),
        ({"SSL_CERT_FILE": "/ca.pem", "REQUESTS_CA_BUNDLE": "/other.pem"}, True),
    ],
)
def test_a_certificate_bundle_is_taken_under_any_of_its_names(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: object
) -> None:
    """True leaves REQUESTS_CA_BUNDLE to requests itself."""
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    verify: list[object] = []

    def ask(self: requests.Session, *_arguments: object, **_options: object) -> object:
        verify.append(self.verify)
        raise requests.ConnectionError

    monkeypatch.setattr(requests.Session, "get", ask)
    network.unreachable("https://example.org")
    assert verify == [expected]


def test_a_long_text_is_looked_through_in_one_go() -> None:
    text = "x" * 300_000
    assert addresses.without_credentials(f"{text} -chttp://jane:s3cret@host/") == f"{text} -chttp://***@host/"
