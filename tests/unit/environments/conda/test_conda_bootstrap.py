"""Where micromamba comes from; the archive is made here and the network is a fake."""

from __future__ import annotations

import hashlib
import io
import os
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from mambench.environments.conda.bootstrap import Locator, Pin, read_pin, unpack
from mambench.environments.pinned import sha256_of
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.system import network
from mambench.system.home import Home

PROGRAM = b"a program"


def packed(member: str = "bin/micromamba", content: bytes = PROGRAM) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:bz2") as bundle:
        entry = tarfile.TarInfo(member)
        entry.size = len(content)
        bundle.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


ARCHIVE = packed()
CARRIED = "linux-64-micromamba-9.9.9-0.tar.bz2"


class Site:
    """A program's folder with a pin, and a home; what is fetched comes from `served`."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.home = folder / "mm", Home(folder / "home")
        self.folder.mkdir()
        self.home.prepare()
        self.fetched: list[str] = []
        self.served: bytes | NetworkError = ARCHIVE
        self.pin()
        monkeypatch.setattr(network, "download", self.download)

    def pin(self, *, archive: bytes = ARCHIVE, program: bytes = PROGRAM, more: str = "") -> None:
        (self.folder / "micromamba.toml").write_text(
            f'version = "9.9.9"\nbuild = "0"\n{more}\n'
            'url = "https://example.org/{platform}/micromamba-{version}-{build}.tar.bz2"\n'
            f'[linux-64]\narchive = "{sha256(archive)}"\nexecutable = "{sha256(program)}"\n'
        )

    def pin_windows(self, *, carried: bool) -> None:
        self.served = packed("Library/bin/micromamba.exe")
        self.pin(archive=self.served)
        pins = self.folder / "micromamba.toml"
        pins.write_text(pins.read_text().replace("[linux-64]", "[win-64]"))
        if carried:
            (self.folder / CARRIED.replace("linux-64", "win-64")).write_bytes(self.served)

    def download(self, url: str, path: Path, *, sha256: str, on_bytes: Callable[[int, int | None], None]) -> None:
        self.fetched.append(url)
        if isinstance(self.served, NetworkError):
            raise self.served
        assert sha256 == hashlib.sha256(self.served).hexdigest()
        path.write_bytes(self.served)
        on_bytes(len(self.served), len(self.served))

    def locator(self, *, offline: bool = False, platform: str = "linux-64", **environ: str) -> Locator:
        return Locator(self.home, self.folder, platform=platform, environ=environ, offline=offline)

    @property
    def target(self) -> Path:
        return self.home.tools / "micromamba-9.9.9" / "micromamba"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    return Site(tmp_path, monkeypatch)


def ignore(_done: int, _total: int | None) -> None:
    """For `on_bytes`."""


def test_what_is_carried_is_unpacked_once(site: Site) -> None:
    (site.folder / CARRIED).write_bytes(ARCHIVE)
    assert site.locator().present() is None
    located = site.locator(offline=True).locate(ignore)
    assert (located.executable, located.origin, located.note) == (site.target, "carried", "")
    assert located.executable.read_bytes() == PROGRAM
    assert os.access(located.executable, os.X_OK)
    before = site.target.stat().st_mtime_ns
    assert site.locator().locate(ignore) == located == site.locator().present()
    assert site.target.stat().st_mtime_ns == before
    assert site.fetched == []


def test_what_is_not_carried_is_downloaded(site: Site) -> None:
    seen: list[int] = []
    located = site.locator().locate(lambda done, _total: seen.append(done))
    assert located.origin == "downloaded"
    assert site.fetched == ["https://example.org/linux-64/micromamba-9.9.9-0.tar.bz2"]
    assert seen == [len(ARCHIVE)]


@pytest.mark.parametrize("carried", [True, False])
def test_the_runtime_is_beside_the_program_before_it_and_whole(site: Site, *, carried: bool) -> None:
    site.pin_windows(carried=carried)
    (site.folder / "msvcp140.dll").write_bytes(b"runtime")
    beside = site.home.tools / "micromamba-9.9.9" / "msvcp140.dll"
    locator = site.locator(platform="win-64")
    located = locator.locate(ignore)
    assert (located.executable.name, beside.read_bytes()) == ("micromamba.exe", b"runtime")
    assert beside.stat().st_mtime_ns <= located.executable.stat().st_mtime_ns
    for wrong in (lambda: beside.unlink(), lambda: beside.write_bytes(b"half")):
        wrong()
        assert locator.present() is None
        locator.locate(ignore)
        assert beside.read_bytes() == b"runtime"
        assert locator.present() == located


def test_a_changed_program_is_replaced_and_said(site: Site) -> None:
    site.locator().locate(ignore)
    site.target.write_bytes(b"another")
    assert site.locator().present() is None
    assert "was changed" in site.locator().locate(ignore).note
    assert site.target.read_bytes() == PROGRAM


def test_offline_nothing_is_downloaded(site: Site) -> None:
    with pytest.raises(UnavailableError) as caught:
        site.locator(offline=True).locate(ignore)
    assert caught.value.reason == "offline"
    assert site.fetched == []


def test_a_failed_download_leaves_no_program(site: Site) -> None:
    site.served = NetworkError("DNS lookup failed for example.org")
    with pytest.raises(NetworkError):
        site.locator().locate(ignore)
    assert not site.target.exists()


@pytest.mark.parametrize(
    "content", [b"no archive", packed("bin/other"), packed(content=b"not the pinned program"), ARCHIVE[:40]]
)
def test_an_archive_that_is_not_the_official_one_is_refused(site: Site, content: bytes) -> None:
    (site.folder / CARRIED).write_bytes(content)
    with pytest.raises(ProvisionError, match="not the official one"):
        site.locator().locate(ignore)
    site.pin(archive=content)
    with pytest.raises(ProvisionError, match="not the official one|cannot unpack"):
        site.locator().locate(ignore)
    assert not site.target.exists()


def test_the_users_own_is_taken_as_it_is(site: Site, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    located = site.locator(MAMBENCH_MICROMAMBA=str(mine)).locate(ignore)
    assert (located.executable, located.sha256) == (mine, None)
    assert "MAMBENCH_MICROMAMBA" in site.locator(MAMBENCH_MICROMAMBA=str(mine)).describe()
    mine.chmod(0o644)
    every_file_runs = sys.platform == "win32"
    for name in (tmp_path / "gone", *([] if every_file_runs else [mine])):
        with pytest.raises(UnavailableError, match="no executable file"):
            site.locator(MAMBENCH_MICROMAMBA=str(name)).present()


def test_a_platform_without_a_pin_has_none(site: Site) -> None:
    locator = site.locator(platform="linux-ppc64le")
    with pytest.raises(UnavailableError, match="no micromamba for linux-ppc64le"):
        locator.locate(ignore)
    assert locator.describe() == "there is no micromamba for linux-ppc64le"


def test_what_is_carried_is_told(site: Site) -> None:
    assert site.locator().describe() == "9.9.9, downloaded when it is first needed"
    assert not site.locator().carried()
    (site.folder / CARRIED).write_bytes(ARCHIVE)
    site.pin(more="official = false")
    assert site.locator().carried()
    assert site.locator().describe().startswith("9.9.9, carried, not the official one")
    assert "not the official one" in site.locator().locate(ignore).origin


def test_windows_has_its_program_elsewhere_in_the_archive(tmp_path: Path) -> None:
    archive, target = tmp_path / "x.tar.bz2", tmp_path / "tools" / "micromamba.exe"
    archive.write_bytes(packed("Library/bin/micromamba.exe"))
    unpack(archive, target, Pin("9", "https://example.org/win-64/x", sha256(archive.read_bytes()), sha256(PROGRAM)))
    assert sha256_of(target) == sha256(PROGRAM)
    assert sha256_of(tmp_path / "gone") is None


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "tools").write_text("in the way")
    archive = tmp_path / "x.tar.bz2"
    archive.write_bytes(ARCHIVE)
    with pytest.raises(ProvisionError, match="cannot write") as caught:
        unpack(archive, tmp_path / "tools" / "micromamba", Pin("9", "https://h/p/x", "", sha256(PROGRAM)))
    assert "--home" in caught.value.remedy


def test_our_own_pin_has_every_platform() -> None:
    from mambench.system import resources

    pins = [read_pin(resources.micromamba() / "micromamba.toml", name) for name in ("linux-64", "win-64", "osx-arm64")]
    assert len({pin.archive_sha256 for pin in pins}) == len(pins)
    assert all(len(pin.executable_sha256) == 64 and pin.version in pin.url for pin in pins)
