"""What a pylock.toml names, and that no login is shown."""

from __future__ import annotations

from pathlib import Path

from mambench.environments.pypi.pylock import packages_in, urls_in

LOCK = """\
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11"

[[packages]]
name = "numpy"
version = "2.4.6"
index = "https://example.org/simple"
wheels = [{ url = "https://me:secret@example.org/numpy.whl", size = 123, hashes = { sha256 = "aa" } }]

[[packages]]
name = "source-only"
version = "1.0"
sdist = { url = "https://example.org/source.tar.gz", hashes = { sha256 = "bb" } }

[[packages]]
name = "torch"
version = "2.13.0+cpu"
archive = { path = "/wheels/torch 1.whl", hashes = { sha256 = "cc" } }

[[packages]]
name = "bare"
"""


def test_the_packages_of_a_lock_have_all_that_it_tells() -> None:
    numpy, source, torch, bare = packages_in(LOCK)
    assert (numpy.name, numpy.version, numpy.size_bytes, numpy.sha256) == ("numpy", "2.4.6", 123, "aa")
    assert numpy.channel == "https://example.org/simple"
    assert (source.url, source.size_bytes, source.sha256) == ("https://example.org/source.tar.gz", None, "bb")
    assert (torch.version, torch.url) == ("2.13.0+cpu", Path("/wheels/torch 1.whl").resolve().as_uri())
    assert (bare.version, bare.url) == ("", None)


def test_packages_show_no_login_but_sizes_are_asked_with_it() -> None:
    assert packages_in(LOCK)[0].url == "https://***@example.org/numpy.whl"
    assert urls_in(LOCK) == [
        "https://me:secret@example.org/numpy.whl",
        "https://example.org/source.tar.gz",
        None,
        None,
    ]


def test_a_lock_without_packages_has_none() -> None:
    assert packages_in('lock-version = "1.0"') == ()
