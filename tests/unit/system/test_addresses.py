"""Logins and tokens are never shown; a URL of a file names its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.system import addresses


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://example.org/simple/", "https://example.org/simple/"),
        ("https://me:secret@example.org:8080/x?y=1&token=T0K", "https://***@example.org:8080/x?y=***&token=***"),
        ("https://example.org/x?token=T0K,EN then", "https://example.org/x?token=*** then"),
        ("is it https://example.org/x?", "is it https://example.org/x?"),
        ("https://me:sec/ret@example.org/x", "https://***@example.org/x"),
        ("https://me:sec#ret@example.org/x", "https://***@example.org/x"),
        ("https://me:s?c/r#t@x@example.org/x#y", "https://***@example.org/x"),
        ("https://example.org/@scope/x", "https://example.org/@scope/x"),
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


@pytest.mark.parametrize("name", ["plain", "with space", "José", "100%", "50%41", "a#b?c"])
def test_a_file_url_names_the_path_it_was_made_from(tmp_path: Path, name: str) -> None:
    assert addresses.local_path((tmp_path / name).as_uri()) == tmp_path / name


def test_what_is_on_a_network_has_no_local_path() -> None:
    assert addresses.local_path("https://example.org/x") is None
    assert addresses.local_path("s3://bucket/x") is None
    assert addresses.local_path("wheels") == Path("wheels")


def test_a_long_text_is_looked_through_in_one_go() -> None:
    text = "x" * 300_000
    assert addresses.without_credentials(f"{text} -chttp://jane:s3cret@host/") == f"{text} -chttp://***@host/"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("me:secret@proxy:3128", "***@proxy:3128"),
        ("me:se/cr@t@proxy:3128", "***@proxy:3128"),
        ("http://me:secret@proxy:3128/", "http://***@proxy:3128/"),
        ("proxy:3128", "proxy:3128"),
        ("localhost,.example.org", "localhost,.example.org"),
    ],
)
def test_a_proxy_needs_no_scheme_for_its_login_to_be_hidden(value: str, shown: str) -> None:
    assert addresses.setting_without_credentials(value) == shown


def test_tokens_in_the_path_of_an_index_are_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(addresses, "_HIDDEN", set())
    addresses.hide_tokens("https://example.org/aB3dE5gH7jK9mN1p/python/simple/")
    addresses.hide_tokens("file:///srv/aB3dE5gH7jK9mN1q/simple")
    assert addresses.without_credentials("GET /aB3dE5gH7jK9mN1p/python/simple/toy") == "GET /***/python/simple/toy"
    assert addresses.without_credentials("/srv/aB3dE5gH7jK9mN1q") == "/srv/aB3dE5gH7jK9mN1q"


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("conda-forge", ""),
        ("/srv/a@b", ""),
        ("file:///srv/x", ""),
        ("https://me:p%2Fw@example.org:8080/x", ""),
        ("https://example.org/@scope", ""),
        ("http://[x", "it is not a valid URL"),
        ("http://host:port/x", "it is not a valid URL"),
        ("http://", "it is not a valid URL"),
        ("https://me:sec/ret@example.org/x", "in a login, / is written %2F, # %23 and @ %40"),
        ("https://me:sec#ret@example.org/x", "in a login, / is written %2F, # %23 and @ %40"),
    ],
)
def test_what_cannot_be_asked_for_is_told(url: str, problem: str) -> None:
    assert addresses.url_problem(url) == problem


@pytest.mark.parametrize("url", ["http://[x", "file://[x", "https://me:secret@[x/y"])
def test_no_text_is_too_odd_to_be_taken(url: str) -> None:
    assert "secret" not in addresses.without_credentials(url) + addresses.host_of(url)
    addresses.local_path(url)


@pytest.mark.parametrize(
    ("url", "whole"),
    [
        ("https://a.example/c/x.conda", "https://me:secret@a.example/c/x.conda"),
        ("https://b.example/c/x.conda", "https://b.example/c/x.conda"),
        ("https://you:other@a.example/x", "https://you:other@a.example/x"),
        ("file:///c/x.conda", "file:///c/x.conda"),
        ("/c/x.conda", "/c/x.conda"),
    ],
)
def test_a_file_is_asked_for_with_the_login_of_its_host(url: str, whole: str) -> None:
    known = ["https://b.example/c", "https://me:secret@a.example/c", "conda-forge", "http://[x"]
    assert addresses.with_login(url, known) == whole
