"""Where micromamba comes from: carried, downloaded, given; ours is verified every time."""

from __future__ import annotations

import hashlib
import io
import re
import shutil
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest

from environments.bad_hosts import AUTHORITY, BadHost, bad_hosts
from environments.house import REAL, ROOT, House, finish, wait_for
from standin.server import ChannelServer, Fault, serve

pytestmark = pytest.mark.skipif(REAL is not None, reason="the pinned program is the stand-in")
ARCHIVE = "micromamba-9.9.9-0.tar.bz2"


@dataclass
class Carried:
    """A copy of the program whose pin names an archive with the stand-in in it."""

    house: House
    site: Path
    archive: bytes
    server: ChannelServer

    @property
    def folder(self) -> Path:
        return self.site / "mambench" / "resources" / "mm"

    @property
    def file(self) -> Path:
        """The archive that the program carries."""
        return self.folder / f"linux-64-{ARCHIVE}"

    @property
    def executable(self) -> Path:
        return self.house.home / "tools" / "micromamba-9.9.9" / "micromamba"

    def carry(self, content: bytes | None = None) -> None:
        self.file.write_bytes(self.archive if content is None else content)

    def ask(self, url: str) -> None:
        """Download from another host."""
        pin = self.folder / "micromamba.toml"
        pin.write_text(pin.read_text().replace(self.server.url, url))

    def doctor(self) -> str:
        return self.house.call("doctor", "--offline").text


@pytest.fixture
def carried(house: House, tmp_path: Path):
    """Nothing is carried yet; the pin's URL is a loopback server's."""
    script = Path(house.use_micromamba()).read_bytes()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:bz2") as bundle:
        member = tarfile.TarInfo("bin/micromamba")
        member.size, member.mode = len(script), 0o755
        bundle.addfile(member, io.BytesIO(script))
    site = tmp_path / "site"
    shutil.copytree(ROOT / "src" / "mambench", site / "mambench", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "resources", site / "mambench" / "resources", ignore=shutil.ignore_patterns("*.tar.bz2"))
    served = tmp_path / "served"
    (served / "linux-64").mkdir(parents=True)
    (served / "linux-64" / ARCHIVE).write_bytes(packed.getvalue())
    with serve(served) as server:
        (site / "mambench" / "resources" / "mm" / "micromamba.toml").write_text(
            'version = "9.9.9"\nbuild = "0"\n'
            f'url = "{server.url}/{{platform}}/micromamba-{{version}}-{{build}}.tar.bz2"\n'
            f'[linux-64]\narchive = "{hashlib.sha256(packed.getvalue()).hexdigest()}"\n'
            f'executable = "{hashlib.sha256(script).hexdigest()}"\n'
        )
        del house.environ["MAMBENCH_MICROMAMBA"]
        house.environ["PYTHONPATH"] = str(site)
        house.offer("small", "python")
        yield Carried(house, site, packed.getvalue(), server)


def test_carried_archive_is_unpacked_and_verified(carried: Carried):
    carried.carry()
    assert "not here yet" in carried.doctor()
    done = carried.house.create("small")
    assert done.code == 0, done.text
    assert carried.executable.stat().st_mode & 0o111
    assert sum(carried.server.requests.values()) == 0
    told = carried.doctor()
    assert "2.8.1 (carried:" in told and "verified" in told
    assert hashlib.sha256(carried.executable.read_bytes()).hexdigest() in told


def test_changed_executable_is_replaced_from_the_archive(carried: Carried):
    carried.carry()
    assert carried.house.create("small").code == 0
    right = carried.executable.read_bytes()
    carried.executable.write_bytes(b"#!/bin/sh\ntouch /tmp/never-run; exit 1\n")
    carried.house.call("env", "remove", "small")
    done = carried.house.create("small")
    assert done.code == 0, done.text
    assert carried.executable.read_bytes() == right


def test_changed_archive_is_refused_by_name(carried: Carried):
    carried.carry(carried.archive[:-10] + b"0123456789")
    done = carried.house.create("small")
    assert done.code == 4
    assert f"linux-64-{ARCHIVE} is not the official one" in done.text
    assert "download mambench again" in done.text
    assert not carried.executable.exists()
    assert sum(carried.server.requests.values()) == 0


def test_archive_with_another_program_is_refused(carried: Carried):
    carried.carry()
    pin = carried.folder / "micromamba.toml"
    pin.write_text(re.sub(r'executable = "\w+"', f'executable = "{"0" * 64}"', pin.read_text()))
    done = carried.house.create("small")
    assert done.code == 4
    assert "the program in" in done.text and "is not the official one" in done.text
    assert not carried.executable.exists()


def test_download_with_progress(carried: Carried):
    done = carried.house.create("small")
    assert done.code == 0, done.text
    assert "downloading micromamba" in done.text
    assert carried.server.requests[f"linux-64/{ARCHIVE}"] == 1
    assert "(downloaded:" in carried.doctor()


@pytest.mark.parametrize(
    ("fault", "why"),
    [
        (Fault(cut_after_bytes=200), "broke off"),
        (Fault(status=404), "404"),
        (Fault(wrong_bytes=True), "has SHA-256"),
    ],
)
def test_download_is_whole_or_not_at_all(carried: Carried, fault: Fault, why: str):
    carried.server.faults["*"] = fault
    done = carried.house.create("small")
    assert done.code == 4
    assert why in done.text
    tools = carried.house.home / "tools"
    assert [path for path in tools.rglob("*") if path.is_file()] == []
    assert list((carried.house.home / "tmp").iterdir()) == []
    carried.server.faults.clear()
    assert carried.house.create("small").code == 0


@pytest.mark.promise("networks")
@bad_hosts(long="unsigned, of another host, redirect loop, dns, refused, cut, silent")
def test_bad_host_of_micromamba_is_told(carried: Carried, tmp_path: Path, bad: BadHost):
    carried.house.environ["SSL_CERT_FILE"] = str(AUTHORITY)
    with bad.url(tmp_path / "nothing") as url:
        carried.ask(url)
        done = carried.house.create("small")
    bad.is_told(done, carried.house)
    assert f"no micromamba: cannot download {url}/linux-64/{ARCHIVE}" in done.text
    assert list((carried.house.home / "tmp").iterdir()) == []


def test_interrupted_download_leaves_nothing(carried: Carried):
    carried.server.faults["*"] = Fault(stall_after_bytes=200)
    house = carried.house
    begun = house.start("env", "create", "small", "--source", "conda", "--channel", house.channel, "--yes")
    wait_for(lambda: carried.server.requests)
    begun.send_signal(2)
    done = finish(begun)
    assert done.code == 130
    assert done.seconds < 2
    assert list((house.home / "tmp").iterdir()) == []


def test_two_at_once_download_it_once(carried: Carried):
    carried.server.faults["*"] = Fault(bytes_per_second=1000)
    house = carried.house
    words = ["env", "create", "small", "--source", "conda", "--channel", house.channel, "--yes"]
    for done in [finish(process) for process in [house.start(*words) for _ in range(2)]]:
        assert done.code == 0, done.text
    assert carried.server.requests[f"linux-64/{ARCHIVE}"] == 1


def test_offline_without_it(carried: Carried):
    done = carried.house.create("small", more=["--offline"])
    assert done.code == 4
    assert "micromamba is not here yet" in done.text
    assert sum(carried.server.requests.values()) == 0


def test_platform_without_a_pin(carried: Carried):
    pin = carried.folder / "micromamba.toml"
    pin.write_text(pin.read_text().replace("[linux-64]", "[linux-other]"))
    done = carried.house.create("small")
    assert done.code == 4
    assert "there is no micromamba for linux-64" in done.text
    assert carried.house.call("doctor", "--offline").code == 4


def test_given_one_is_taken_as_it_is(carried: Carried):
    carried.carry()
    given = carried.house.use_micromamba()
    assert carried.house.create("small").code == 0
    assert not carried.executable.exists()
    assert f"MAMBENCH_MICROMAMBA: {given}" in carried.doctor()
