"""What uv's messages mean; the texts are those that were recorded of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.environments.pypi.messages import UndatedError, failure
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.system.process import Finished

DNS = """\
error: Request failed after 3 retries in 12.8s
  cause: Failed to fetch: https://me:secret@example.org/simple/numpy/
  cause: client error (Connect)
  cause: dns error
  cause: failed to lookup address information: Name or service not known
"""
DNS_DRAWN = """\
warning: something before it
  × Failed to fetch: `https://me:secret@example.org/simple/numpy/`
  ├─▶ error sending request for url (https://example.org/simple/numpy/)
  ╰─▶ dns error: failed to lookup address information: Name or service not known
"""
REFUSED = """\
error: Failed to fetch: http://example.org/simple/numpy/
  cause: tcp connect error
  cause: Connection refused (os error 111)
"""
UNAVAILABLE = """\
error: Failed to fetch: http://example.org/simple/numpy/
  cause: HTTP status server error (503 Service Unavailable) for url (http://example.org/simple/numpy/)
"""
RESET = """\
error: Failed to download `numpy==2.4.6`
  cause: error decoding response body
  cause: connection reset by peer (os error 104)
"""
STALLED = """\
error: Failed to download `toy==1.0`
  cause: Failed to extract archive: toy-1.0-py3-none-any.whl
  cause: I/O operation failed during extraction
  cause: Failed to download distribution due to network timeout. Try increasing UV_HTTP_TIMEOUT (current value: 15s).
"""
UNKNOWN = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch was not found in the package registry and you require nosuch==1, we can conclude that
      your requirements are unsatisfiable.
"""
NO_SOLUTION = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of numpy==9 and you require numpy==9, we can conclude that your
      requirements are unsatisfiable.
"""
NOT_FOUND = """\
error: Failed to fetch: http://example.org/simple/numpy.whl
  cause: HTTP status client error (404 Not Found) for url (http://example.org/simple/numpy.whl)
"""
DISK_FULL = """\
error: Failed to prepare distributions
  cause: failed to write to file `/x`: No space left on device (os error 28)
"""
UNDATED = """\
warning: `toy-1.0-py3-none-any.whl` is missing an upload date, but user provided: 2026-11-16T00:00:00Z
error: No solution found when resolving dependencies
  cause: Because toy==1.0 has no publish time and you require toy==1.0, we can conclude that your requirements are
      unsatisfiable.
"""
OFFLINE = """\
error: No solution found when resolving dependencies
  cause: Because numpy was not found in the cache and you require numpy==2.4.6
hint: Packages were unavailable because the network was disabled.
"""


INVALID = "invalid peer certificate:"


def ended(stderr: str, code: int = 2) -> Finished:
    return Finished(code, "", stderr)


def connecting(*causes: str) -> str:
    lines = ["error: Failed to fetch: https://me:secret@example.org/simple/numpy/", "client error (Connect)", *causes]
    return "\n  cause: ".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DNS, "DNS lookup failed for example.org"),
        (DNS_DRAWN, "DNS lookup failed for example.org"),
        (REFUSED, "connection refused by example.org or its proxy"),
        (UNAVAILABLE, "example.org answered 503 Service Unavailable"),
        (RESET, "connection to the package index broke off"),
        (STALLED, "connection to the package index timed out"),
        (connecting("operation timed out"), "connection to example.org timed out"),
        (connecting("tunnel error: proxy authorization required"), "proxy answered 407 Proxy Authentication Required"),
        (connecting(f"{INVALID} UnknownIssuer"), "certificate of example.org is not trusted (Unknown"),
        (connecting(f"{INVALID} NotValidForNameContext"), "certificate is not valid for example.org"),
        (connecting(f"{INVALID} Expired"), "certificate of example.org has expired"),
        (
            connecting(f"{INVALID} NotValidYet"),
            "certificate of example.org is not valid yet: this computer's clock may",
        ),
        (
            connecting(
                f"{INVALID} certificate expired: verification time 1795921733 (UNIX), but certificate is not valid "
                "after 1609459200 (186462533 seconds ago)"
            ),
            "certificate of example.org expired on 2021-01-01",
        ),
        (
            connecting(
                f"{INVALID} certificate not valid yet: verification time 1795921735 (UNIX), but certificate is not "
                "valid before 4733510400 (2937588665 seconds in future)"
            ),
            "certificate of example.org is not valid before 2120-01-01: this computer's clock may be wrong, it says 20",
        ),
        (
            connecting(
                f'{INVALID} certificate not valid for name "example.org"; certificate is only valid for DnsName'
                '("other.example")'
            ),
            "certificate is not valid for example.org",
        ),
        (connecting("something new"), "cannot connect to example.org"),
    ],
)
def test_what_a_network_did_may_be_tried_from_another_source(text: str, words: str) -> None:
    error = failure("resolve numpy", ended(text), Path("x.log"), offline=False)
    assert type(error) is NetworkError
    assert str(error).startswith("cannot resolve numpy: ")
    assert words in str(error)
    assert "secret" not in f"{error} {error.remedy}"
    assert "UV_DEFAULT_INDEX" in error.remedy
    assert error.log == Path("x.log")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (UNKNOWN, "nosuch was not found in the package registry"),
        (NO_SOLUTION, "there is no version of numpy==9"),
        (NOT_FOUND, "404 Not Found"),
        ("", "uv said nothing (exit code 2)"),
    ],
)
def test_what_the_index_lacks_is_no_network_failure(text: str, words: str) -> None:
    error = failure("resolve numpy", ended(text), Path("x.log"), offline=False)
    assert type(error) is ProvisionError
    assert words in str(error)
    assert error.remedy
    assert "\n" not in str(error)
    assert not any(sign in str(error) for sign in "×╰─▶│├")


@pytest.mark.parametrize("offline", [False, True])
def test_an_index_without_upload_times_is_a_failure_of_its_own(offline: bool) -> None:
    assert type(failure("resolve toy", ended(UNDATED), None, offline=offline)) is UndatedError


def test_a_full_disk_is_told_as_such_even_offline() -> None:
    for offline in (True, False):
        error = failure("install the packages", ended(DISK_FULL), None, offline=offline)
        assert str(error) == "cannot install the packages: the disk is full"
        assert "--home" in error.remedy


def test_offline_says_that_a_network_would_help() -> None:
    error = failure("resolve numpy", ended(OFFLINE), None, offline=True)
    assert isinstance(error, UnavailableError)
    assert error.reason == "offline"
    assert str(error).startswith("cannot resolve numpy offline: No solution found")
    assert "once with a network" in error.remedy


@pytest.mark.parametrize("text", [DNS, DNS_DRAWN, NO_SOLUTION.replace("numpy==9", "https://me:secret@example.org/x")])
def test_no_message_shows_a_login(text: str) -> None:
    assert "secret" not in str(failure("resolve", ended(text), None, offline=False))


def test_a_long_message_is_cut() -> None:
    assert len(str(failure("resolve", ended("error: " + "word " * 1000), None, offline=False))) < 500


@pytest.mark.parametrize("code", [28, 39, 112])
def test_a_full_disk_is_told_on_every_system(code: int) -> None:
    error = failure(
        "install",
        ended(DISK_FULL.replace("No space left on device (os error 28)", f"(os error {code})")),
        None,
        offline=False,
    )
    assert "the disk is full" in str(error)


@pytest.mark.parametrize(
    ("code", "stderr", "words", "remedy"),
    [
        (-9, "", "uv was killed by signal 9 (SIGKILL)", "memory"),
        (-9, "Resolved 3 packages in 1ms", "uv was killed by signal 9 (SIGKILL)", "memory"),
        (-6, "memory allocation of 123 bytes failed", "uv ran out of memory", "ulimit -v"),
        (0xC0000017, "", "uv was ended by the system: exit code 0xC0000017 (out of memory)", "try again"),
        (2, "error: cannot open `/x`: Too many open files (os error 24)", "uv may not open so many files", "ulimit -n"),
    ],
)
def test_a_uv_that_was_killed_or_ran_into_a_limit(code: int, stderr: str, words: str, remedy: str) -> None:
    for offline in (True, False):
        error = failure("resolve toy", ended(stderr, code), Path("x.log"), offline=offline)
        assert type(error) is ProvisionError
        assert str(error).startswith(f"cannot resolve toy: {words}".removesuffix("(SIGKILL)").rstrip())
        assert remedy in error.remedy and error.log == Path("x.log")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("error: Because toy==1.0 has an invalid package format and you require toy==1.0, we", "toy==1.0"),
        ("error: Failed to download `toy==1.0`\n  cause: Failed to extract archive: toy-1.0-py3-none-any.whl\n "
         "cause: Bad uncompressed size", "toy==1.0"),
        ("error: Failed to download `toy==1.0`\n  cause: Hash mismatch for `toy==1.0`", "toy==1.0"),
    ],
)  # fmt: skip
def test_a_damaged_wheel_is_told_as_one(text: str, name: str) -> None:
    error = failure("install the packages", ended(text), None, offline=False)
    assert type(error) is NetworkError
    assert f"what came of {name} is damaged" in str(error)
    assert "proxy or the mirror changes files" in error.remedy
