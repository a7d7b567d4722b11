"""Logins and tokens of channels: handed over in a file, blotted out afterwards."""

from __future__ import annotations

import os
from pathlib import Path

from mambench.environments.conda.credentials import forget, login_variables, tokens, without_login

CHANNEL = "https://me:p%40ss%22@example.org/channel"


def test_a_channel_without_its_login() -> None:
    assert without_login(CHANNEL) == "https://example.org/channel"
    assert without_login("conda-forge") == "conda-forge"


def test_logins_go_through_a_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    file = Path(login_variables(tmp_path, [CHANNEL, "conda-forge"])["NETRC"])
    assert file.read_text() == 'machine "example.org" login "me" password "p@ss\\""\n'
    assert os.name == "nt" or file.stat().st_mode & 0o077 == 0  # there by the rights on the user's folder
    assert login_variables(tmp_path, ["conda-forge"]) == {}


def test_tokens_are_blotted_out_of_what_was_written(tmp_path: Path) -> None:
    written, other = tmp_path / "urls.txt", tmp_path / "other"
    written.write_text("https://example.org/t/T0KEN/c/x.conda\n")
    other.write_text("nothing")
    before = other.stat().st_mtime_ns
    forget(tokens(["https://example.org/t/T0KEN/c", "conda-forge"]), [written, other])
    assert written.read_text() == "https://example.org/t/***/c/x.conda\n"
    assert other.stat().st_mtime_ns == before
