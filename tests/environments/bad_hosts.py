"""What a host, or what is in its place, can do to whoever asks: channel, micromamba and package index alike."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from environments.house import Done, House, fails
from standin.server import Fault, serve

CERTIFICATES = Path(__file__).parents[1] / "unit" / "system" / "certificates"
AUTHORITY = CERTIFICATES / "authority.cert"
_ANY = b"{}" * 1000
_PAGE = Fault(instead=b"<!DOCTYPE html><html><a href='/login'>Log in to the network</a></html>")
_ANOTHER_PAGE = "127.0.0.1 answered with another page than was asked for"


@dataclass(frozen=True)
class BadHost:
    """Its faults by path or its certificate, and what a person reads: why, and the next step."""

    name: str
    why: str
    then: str
    faults: Mapping[str, Fault] = field(default_factory=dict)
    certificate: str = ""
    at_most_seconds: float = 15.0

    @contextmanager
    def url(self, folder: Path) -> Iterator[str]:
        """Its address while it is there; `folder` is an empty one."""
        if self.name == "dns":
            yield "http://no-such-host.invalid"
        elif self.name == "refused":
            with socket.socket() as taken:
                taken.bind(("127.0.0.1", 0))
                yield f"http://127.0.0.1:{taken.getsockname()[1]}"
        else:
            with serve(folder, certificate=CERTIFICATES / self.certificate if self.certificate else None) as server:
                server.faults |= self.faults
                yield server.url

    def is_told(self, done: Done, house: House) -> None:
        """By `env create`, in time, without the advice of another program."""
        fails(done, house, why=self.why, then=self.then, log=False)
        assert done.seconds < self.at_most_seconds, done.text
        for advice in ("curl", "system-certs", "native-tls", "UV_HTTP_TIMEOUT", "ssl_verify", "--retries"):
            assert advice not in done.text


BAD_HOSTS = [
    BadHost(
        "expired",
        r"certificate of 127\.0\.0\.1 (has expired|expired on 2021-01-01)",
        r"clock is right, which says 20\d\d-\d\d-\d\d \d\d:\d\d.* has to renew the certificate",
        certificate="expired.pem",
    ),
    BadHost(
        "not yet valid",
        r"certificate of 127\.0\.0\.1 is not valid (yet|before 2120-01-01): this computer's clock may be wrong",
        "set the clock right",
        certificate="early.pem",
    ),
    BadHost(
        "unsigned", r"certificate of 127\.0\.0\.1 is not trusted", "SSL_CERT_FILE", certificate="wrong.example.pem"
    ),
    BadHost(
        "of another host",
        r"certificate is not valid for 127\.0\.0\.1",
        "correct the host's name",
        certificate="other.example.pem",
    ),
    BadHost("login page", _ANOTHER_PAGE, "log in to the network in a browser", {"*": _PAGE}),
    BadHost(
        "sent to a login page",
        _ANOTHER_PAGE,
        "log in to the network in a browser",
        {"login": _PAGE, "*": Fault(location="/login")},
    ),
    BadHost("redirect loop", r"127\.0\.0\.1 redirects in a loop", "in a browser", {"*": Fault(location="/loop")}),
    BadHost("dns", r"DNS lookup failed for no-such-host\.invalid", "correct the name"),
    BadHost("refused", r"connection refused by 127\.0\.0\.1", "see that the server"),
    BadHost("cut", r"connection to 127\.0\.0\.1 broke off", "try again", {"*": Fault(instead=_ANY, cut_after_bytes=0)}),
    BadHost(
        "silent",
        r"connection to 127\.0\.0\.1 timed out",
        "try again",
        {"*": Fault(instead=_ANY, stall_after_bytes=0)},
        at_most_seconds=75,
    ),
]


def bad_hosts(*, long: str) -> pytest.MarkDecorator:
    """The argument `bad` of a test; the names in `long` take long with this kind of host."""
    return pytest.mark.parametrize(
        "bad",
        [
            pytest.param(bad, id=bad.name, marks=[pytest.mark.long] if bad.name in long.split(", ") else [])
            for bad in BAD_HOSTS
        ],
    )
