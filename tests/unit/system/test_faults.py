"""What went wrong is told in the words one would search for, with the next step; servers are loopback."""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from servers import Handler, Server, fetch, serving

from mambench.errors import NetworkError
from mambench.system import network

pytestmark = [pytest.mark.promise("networks"), pytest.mark.usefixtures("no_surroundings")]

CERTIFICATES = Path(__file__).parent / "certificates"
"""With their keys: a self-signed one for wrong.example, by `openssl req -x509`; the others an authority signed.

`openssl ca -startdate ... -enddate ...` made those: until 2021, from 2120 on, for other.example, and a right one.
"""


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
    monkeypatch.setenv("NO_PROXY", "")
    with serving(Proxy) as server:
        for name in ("HTTP_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, server.url.replace("//", "//me:secret@"))
        yield


@contextlib.contextmanager
def presenting(certificate: str) -> Iterator[str]:
    """The URL of a server that shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / certificate)
    with serving(Handler, context=context) as server:
        yield server.url.replace("http:", "https:")


@pytest.fixture
def tls() -> Iterator[str]:
    with presenting("wrong.example.pem") as url:
        yield url


def told(url: str) -> NetworkError:
    """Why it cannot be read; the error keeps its cause, has a next step, and shows no login."""
    problem = network.unreachable(url.replace("//", "//me:secret@"))
    assert problem is not None
    assert problem.__cause__ is not None
    assert problem.remedy
    assert "secret" not in f"{problem} {problem.remedy}"
    return problem


@pytest.mark.usefixtures("no_surroundings", "proxy")
@pytest.mark.parametrize("url", ["https://far.invalid/x", "http://far.invalid/x"])
def test_a_proxy_that_wants_a_login(url: str) -> None:
    problem = told(url)
    assert "proxy answered 407 Proxy Authentication Required" in str(problem)
    assert "HTTPS_PROXY=http://user:password@host:port" in problem.remedy


def test_a_certificate_that_nobody_signed(tls: str) -> None:
    problem = told(f"{tls}/file")
    assert "certificate of 127.0.0.1 is not trusted (self-signed certificate)" in str(problem)
    assert "SSL_CERT_FILE" in problem.remedy


@pytest.mark.parametrize(
    ("certificate", "words", "remedy"),
    [
        ("other.example.pem", "certificate is not valid for 127.0.0.1", "correct the host's name"),
        ("expired.pem", "certificate of 127.0.0.1 has expired", "computer's clock is right, which says {now}"),
        ("early.pem", "127.0.0.1 is not valid yet: this computer's clock may be wrong, it says {now}", "set the clock"),
    ],
)
def test_a_certificate_that_an_authority_signed_and_that_is_wrong(
    certificate: str, words: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.cert"))
    with presenting(certificate) as url:
        problem = told(f"{url}/file")
    now = f"{datetime.now():%Y-%m-%d }"
    assert words.format(now=now) in str(problem)
    assert remedy.format(now=now) in problem.remedy


def test_a_certificate_that_an_authority_signed_and_that_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(CERTIFICATES / "authority.cert"))
    with presenting("right.pem") as url:
        assert network.unreachable(f"{url}/file") is None


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
    monkeypatch.setattr(network, "_READ_SECONDS", 0.1)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        assert "connection to 127.0.0.1 timed out" in str(told(f"http://127.0.0.1:{silent.getsockname()[1]}/x"))


def test_an_address_that_is_none() -> None:
    problem = network.unreachable("http://me:secret@[broken/x")
    assert problem is not None and "no valid URL" in str(problem)
    assert problem.__cause__ is None, "it tells pieces of a URL that nobody can take apart"
    assert "secret" not in f"{problem} {problem.remedy}"
