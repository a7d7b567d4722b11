"""What went wrong on a network, in the words one would search for, with the next step."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from mambench.system.addresses import host_of, without_credentials

_NOT_YET_VALID, _EXPIRED = 9, 10
"""OpenSSL's numbers. Source: https://docs.openssl.org/master/man3/X509_STORE_CTX_get_error/"""


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
    """There is no connection, and nothing tells why."""
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


def expired(host: str, since: datetime | None = None) -> Fault:
    """The certificate was valid once, or the clock goes ahead; `since` where whoever looked at it told."""
    return Fault(
        f"certificate of {host} {f'expired on {since:%Y-%m-%d}' if since else 'has expired'}",
        f"see that this computer's clock is right, which says {_now()}; if it is, the server's owner has to renew the "
        "certificate",
    )


def not_valid_yet(host: str, before: datetime | None = None) -> Fault:
    """The certificate will be valid: the clock is behind, most likely."""
    return Fault(
        f"certificate of {host} is not valid {f'before {before:%Y-%m-%d}' if before else 'yet'}: this computer's "
        f"clock may be wrong, it says {_now()}",
        "set the clock right and try again; if it is right, the server's owner has to correct the certificate",
    )


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(" ", "minutes")


def another_page(host: str) -> Fault:
    """An answer that is not what was asked for, as a captive portal gives it to everything."""
    return Fault(
        f"{host} answered with another page than was asked for, as the login page of a network does",
        "log in to the network in a browser, or correct the URL",
    )


def redirect_loop(host: str) -> Fault:
    """Sent from one address to the next without an end."""
    return Fault(f"{host} redirects in a loop", "see what answers there in a browser, or correct the URL")


def damaged(name: str) -> Fault:
    """What came is not what is promised: cut off on the way, or another content in its place."""
    return Fault(
        f"what came of {name} is damaged: it was cut off, or something else came in its place",
        "try again; if it stays, a proxy or the mirror changes files",
    )


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


def explain(error: BaseException, asked: str = "") -> Fault:
    """What an exception of requests means, for the URL that was asked; its causes tell it by their types.

    requests and urllib3 are not imported: they are slow to load, and this module needs none of their own types.
    """
    import socket
    import ssl

    causes = list(_causes(error))
    url = getattr(getattr(error, "request", None), "url", None) or asked
    connection = next((each.conn for each in causes if hasattr(each, "conn")), None)  # with a proxy, the one to it
    host = host_of(url) if connection is None else str(connection.host)
    address = host_of(url) if connection is None else f"{connection.host}:{connection.port}"
    if any(type(each).__name__ == "ProxyError" for each in causes):
        host, address = f"the proxy {host}", f"the proxy {address}"
    if isinstance(error, ValueError):  # a URL, a redirect or a proxy that is none
        return Fault("no valid URL, or that of the proxy is none", "correct the URL, or HTTPS_PROXY")
    if type(error).__name__ == "TooManyRedirects":
        return redirect_loop(host)
    if (reply := getattr(error, "response", None)) is not None:
        return answered(host, reply.status_code, reply.reason)
    for each in causes:
        text = str(each)
        if isinstance(each, ssl.SSLCertVerificationError):
            if "not valid for" in text:
                return wrong_name(host)
            dated = {_EXPIRED: expired, _NOT_YET_VALID: not_valid_yet}.get(each.verify_code)
            return dated(host) if dated is not None else not_trusted(host, each.verify_message)
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
    words = f"{type(error).__name__}: {without_credentials(str(error))}"
    return Fault(words, "see that the URL is right and the network works")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The deepest first: requests and urllib3 wrap in `reason` and `args` what Python does not chain."""
    inner = [*error.args, getattr(error, "reason", None), error.__cause__ or error.__context__]
    for each in inner:
        if isinstance(each, BaseException):
            yield from _causes(each)
            break
    yield error
