"""uv from the package index: uv_wheel where pip would look, verified, kept; nothing else is run."""

from __future__ import annotations

import hashlib
import os
import sys
import zipfile
from pathlib import Path

import pytest

from mambench.environments.pypi import wheel
from mambench.environments.pypi.bootstrap import find_uv
from mambench.environments.pypi.wheel import UvWheel
from mambench.errors import ProvisionError, UnavailableError
from mambench.system import network, resources
from mambench.system.home import Home

PROGRAM = b"#!/bin/sh\necho uv 9.9.9\n"
NAME = "uv-9.9.9-py3-none-any.whl"


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A simple index on the disk, as mirrors have it, with one wheel of uv."""
    folder = tmp_path / "simple" / "uv"
    folder.mkdir(parents=True)
    with zipfile.ZipFile(folder / NAME, "w") as archive:
        archive.writestr("uv-9.9.9.data/scripts/uv", PROGRAM)
    (folder / "index.html").write_text(f'<a href="uv-0.1-{NAME}">old</a> <a href="../uv/{NAME}#sha256=0">{NAME}</a>')
    return tmp_path / "simple"


def pinned(folder: Path, *, told: dict[str, str], index: str = "", **changes: str) -> UvWheel:
    """The pinned uv of a home in `folder`, with an index in the configuration of pip."""
    file = next(folder.rglob(NAME))
    hashes = {"wheel": file.read_bytes(), "executable": PROGRAM}
    entries = {name: hashlib.sha256(content).hexdigest() for name, content in hashes.items()} | changes
    lines = [f'{name} = "{value}"' for name, value in entries.items()]
    pins = folder / "uv.toml"
    default = [f'index = "{index}"'] if index else []
    pins.write_text(
        "\n".join(['version = "9.9.9"', *default, "[linux-64]", 'tags = "py3-none-any"', "size_bytes = 1", *lines])
    )
    home = Home(folder / "home")
    home.prepare()
    return UvWheel(home, pins, platform="linux-64", environ={"PIP_CONFIG_FILE": "/dev/null", **told})


def fetched(uv: UvWheel) -> Path:
    uv.fetch(uv.locate(print), print)
    kept = uv.present()
    assert kept is not None
    return kept


def test_it_comes_from_the_index_that_pip_is_told_of(
    index: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    uv_wheel = pinned(tmp_path, told={"PIP_INDEX_URL": index.as_uri()})
    assert uv_wheel.present() is None
    kept = fetched(uv_wheel)
    assert kept.read_bytes() == PROGRAM and os.access(kept, os.X_OK)
    assert kept.is_relative_to(tmp_path / "home")
    monkeypatch.setitem(sys.modules, "uv", None)  # as in the frozen program
    assert find_uv({"PATH": str(tmp_path)}, kept=uv_wheel.present) == kept


def test_folders_and_further_indexes_of_pip_are_looked_through(index: Path, tmp_path: Path) -> None:
    nowhere = (tmp_path / "nowhere").as_uri()
    folder = str(index / "uv")
    assert fetched(pinned(tmp_path, told={"PIP_FIND_LINKS": folder, "PIP_NO_INDEX": "1"}))
    told = {"PIP_INDEX_URL": nowhere, "PIP_EXTRA_INDEX_URL": index.as_uri()}
    assert pinned(tmp_path, told=told).locate(print).url.endswith(f"/uv/{NAME}#sha256=0")


def test_where_no_index_has_it_each_says_why(index: Path, tmp_path: Path) -> None:
    (index / "uv" / "index.html").write_text("nothing")
    told = {"PIP_INDEX_URL": index.as_uri(), "PIP_EXTRA_INDEX_URL": (tmp_path / "nowhere").as_uri()}
    with pytest.raises(UnavailableError, match=f"has no {NAME}"):
        pinned(tmp_path, told=told).locate(print)
    with pytest.raises(UnavailableError, match="no package index is configured"):
        pinned(tmp_path, told={"PIP_NO_INDEX": "1"}).locate(print)


def test_where_nothing_is_configured_the_index_of_the_frozen_program_is_asked(index: Path, tmp_path: Path) -> None:
    assert fetched(pinned(tmp_path, told={}, index=index.as_uri()))
    with pytest.raises(UnavailableError, match="no package index is configured") as caught:
        pinned(tmp_path, told={}).locate(print)
    assert "pip's configuration" in caught.value.remedy and "MAMBENCH_UV" in caught.value.remedy


@pytest.mark.parametrize("wrong", ["wheel", "executable"])
def test_another_wheel_or_program_is_refused_and_not_kept(index: Path, tmp_path: Path, wrong: str) -> None:
    uv_wheel = pinned(tmp_path, told={"PIP_INDEX_URL": index.as_uri()}, **{wrong: "0" * 64})
    with pytest.raises(ProvisionError, match="SHA-256"):
        uv_wheel.fetch(uv_wheel.locate(print), print)
    assert uv_wheel.present() is None and not list((tmp_path / "home" / "tools").iterdir())


def test_one_that_was_changed_is_not_used(index: Path, tmp_path: Path) -> None:
    uv_wheel = pinned(tmp_path, told={"PIP_INDEX_URL": index.as_uri()})
    fetched(uv_wheel).write_bytes(b"something else")
    assert uv_wheel.present() is None


@pytest.mark.parametrize("platform", ["linux-64", "linux-aarch64", "osx-64", "osx-arm64", "win-64"])
def test_every_platform_has_a_pin(platform: str) -> None:
    pin = wheel.read_pin(resources.uv(), platform)
    assert len(pin.wheel_sha256) == len(pin.executable_sha256) == 64 and pin.size_bytes > 10_000_000
    assert pin.file_name.startswith(f"uv-{pin.version}-py3-none-")


def test_an_index_that_does_not_answer_is_named_without_its_password() -> None:
    with pytest.raises(network.NetworkError) as raised:
        network.links("http://me:secret@127.0.0.1:9/simple/uv/", on_bytes=lambda _done, _total: None)
    assert "connection refused by 127.0.0.1:9" in str(raised.value) and "secret" not in str(raised.value)
