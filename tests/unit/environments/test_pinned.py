"""Programs that we bring ourselves: the pin counts, and what a disk does is told."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from mambench.environments import pinned
from mambench.errors import ProvisionError, UnavailableError

PROGRAM = b"a program"
SHA256 = hashlib.sha256(PROGRAM).hexdigest()


def test_only_the_pinned_program_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "tools" / "it"
    with pytest.raises(ProvisionError, match=r"the program in it\.zip is not the official one"):
        pinned.keep(b"another", target, sha256=SHA256, archive="it.zip")
    assert not target.exists()
    pinned.keep(PROGRAM, target, sha256=SHA256, archive="it.zip")
    assert pinned.sha256_of(target) == SHA256 and os.access(target, os.X_OK)
    assert pinned.sha256_of(tmp_path / "gone") is None


def test_a_folder_in_which_nothing_can_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "tools").write_text("in the way")
    with pytest.raises(ProvisionError, match="cannot write") as caught:
        pinned.keep(PROGRAM, tmp_path / "tools" / "it", sha256=SHA256, archive="it.zip")
    assert "--home" in caught.value.remedy


def test_a_platform_that_is_left_out_is_unavailable(tmp_path: Path) -> None:
    pins = tmp_path / "pins.toml"
    pins.write_text('version = "1"\n[linux-64]\nexecutable = "x"\n')
    assert pinned.read(pins, "linux-64", program="it")[1] == {"executable": "x"}
    with pytest.raises(UnavailableError, match="there is no it for win-64"):
        pinned.read(pins, "win-64", program="it")
