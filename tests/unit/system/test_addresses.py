"""Logins and tokens are never shown; a URL of a file names its path."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.system import addresses


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
