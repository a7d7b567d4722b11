"""What was fetched makes environments without a network, elsewhere; what changed on the way is refused."""

from __future__ import annotations

import json
import os
import shutil
import signal
import zipfile
from pathlib import Path

import pytest

from environments.house import House, wait_for
from footprint import listing
from standin.channel import NUMPY_VERSION
from standin.packages import File, Package, write_channel
from standin.server import ChannelServer, Fault

WITHOUT_NETWORK = ["unshare", "-n"] if os.name == "posix" and os.geteuid() == 0 else ["unshare", "-rn"]
CONDA = ("python", f"numpy={NUMPY_VERSION}", "libblas=*=*openblas")


@pytest.fixture(params=["conda", "pypi"])
def source(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def stocked(house: House, server: ChannelServer) -> House:
    """A stack that either source can make, from a server that can be taken away."""
    house.offer("mine", *CONDA, pypi=[f"numpy=={NUMPY_VERSION}"])
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": f"{server.url}/wheels/links.html"}
    return house


def fetched(house: House, server: ChannelServer, source: str, *more: str) -> str:
    """What `fetch` said."""
    done = house.call("fetch", "mine", "--source", source, "--channel", server.url, "--yes", *more)
    assert done.code == 0, done.text
    return done.text


def carried(house: House, folder: str) -> None:
    """The home, copied to another folder as a stick would, and gone where it was."""
    shutil.copytree(house.home, house.folder / folder)
    shutil.rmtree(house.home)
    house.home = house.folder / folder


def kept(house: House) -> list[Path]:
    """The packages in the kit."""
    return sorted(path for path in (house.home / "kit" / "packages").rglob("*") if path.is_file())


def made_offline(house: House, server: ChannelServer, source: str, *more: str) -> str:
    """What a run said that had no network at all, and measured."""
    house.environ["UV_FIND_LINKS"] = ""
    done = house.run("mine", source=source, channel=server.url, more=["--offline", *more], wrapped=WITHOUT_NETWORK)
    assert done.code == 0, done.text
    assert house.row()["environment"] == f"mine@{source}"
    return done.text


@pytest.mark.parametrize("folder", ["stick", "a stick"])
def test_a_copy_of_the_folder_measures_without_a_network(
    stocked: House, server: ChannelServer, source: str, folder: str
):
    said = fetched(stocked, server, source)
    assert f"mine@{source} for linux-64 is in the kit" in said
    assert stocked.prefixes() == [], "something was installed"
    carried(stocked, folder)
    shutil.rmtree(stocked.home / "cache")
    assert "nothing to download" in made_offline(stocked, server, source)
    lock = stocked.environment()["lock"]
    assert server.url in lock and "kit" not in lock, "the report names this computer's files"


def test_it_is_used_with_a_network_too(stocked: House, server: ChannelServer, source: str):
    fetched(stocked, server, source)
    asked = server.requests.copy()
    assert stocked.run("mine", source=source, channel=server.url).code == 0
    assert server.requests == asked


def test_every_file_with_a_changed_byte_is_refused_by_its_name(stocked: House, server: ChannelServer, source: str):
    fetched(stocked, server, source)
    for path in kept(stocked):
        content = path.read_bytes()
        path.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
        done = stocked.run("mine", source=source, channel=server.url, more=["--offline"])
        assert done.code == 3, done.text
        assert f"the kit is damaged: {path} has another content" in done.text
        checked = stocked.call("fetch", "--check")
        assert checked.code == 4 and path.name in checked.text, checked.text
        assert stocked.prefixes() == []
        path.write_bytes(content)
    assert stocked.call("fetch", "--check").code == 0
    made_offline(stocked, server, source)


def test_a_file_that_is_gone_is_told_and_fetched_again(stocked: House, server: ChannelServer, source: str):
    fetched(stocked, server, source)
    path = next(path for path in kept(stocked) if path.name.startswith("numpy"))
    path.unlink()
    assert "lacks 1 file" in stocked.call("fetch", "--list").text
    (row,) = json.loads(stocked.call("fetch", "--list", "--json").out)["kit"]
    assert (row["stack"], row["source"], row["platform"], row["state"]) == ("mine", source, "linux-64", "lacks 1 file")
    assert f"{path} is gone" in stocked.run("mine", source=source, channel=server.url, more=["--offline"]).text
    asked = server.requests.copy()
    fetched(stocked, server, source)
    assert path.is_file()
    again = {name for name in server.requests - asked if name.endswith((".conda", ".whl"))}
    assert {name.rpartition("/")[2] for name in again} == {path.name}


@pytest.mark.parametrize("way", ["cut", "killed"])
def test_a_fetch_that_was_stopped_goes_on_where_it_was(stocked: House, server: ChannelServer, source: str, way: str):
    large, half = "linux-64/python-*" if source == "conda" else "wheels/numpy*.whl", 2_000_000
    fault = {"cut_after_bytes": half} if way == "cut" else {"stall_after_bytes": half}
    server.faults[large] = Fault(**fault, agent="mambench/")
    process = stocked.start("fetch", "mine", "--source", source, "--channel", server.url, "--yes")
    if way == "killed":
        wait_for(lambda: any(size > half * 0.9 for size in parts(stocked).values()))
        process.send_signal(signal.SIGKILL)
    assert ("broke off" in process.communicate()[1]) is (way == "cut")
    assert "nothing was fetched" in stocked.call("fetch", "--list").text
    stopped = {name: size for name, size in parts(stocked).items() if size}
    assert stopped
    server.faults.clear()
    fetched(stocked, server, source)
    assert sorted(server.resumed) == sorted(stopped.values())
    assert parts(stocked) == {}
    assert stocked.call("fetch", "--check").code == 0
    carried(stocked, "elsewhere")
    made_offline(stocked, server, source)


def parts(house: House) -> dict[str, int]:
    """How much there is of the files that have come in part."""
    return {path.name: path.stat().st_size for path in (house.home / "kit" / "packages").glob("*/*.part")}


def test_fetches_leave_nothing_beside_the_home_and_the_same_kit(stocked: House, server: ChannelServer, source: str):
    folders = (stocked.user, stocked.temporary, stocked.cwd, stocked.folder / "tools", stocked.channel_folder)
    before = listing(*folders)
    fetched(stocked, server, source)
    first = [(path, path.stat().st_mtime_ns) for path in kept(stocked)]
    for _ in range(4):
        fetched(stocked, server, source)
    assert [(path, path.stat().st_mtime_ns) for path in kept(stocked)] == first
    assert listing(*folders) == before


# -------------------------------------------------------------------------------------- of another platform


@pytest.fixture
def windows(tmp_path: Path) -> Path:
    """A channel for Windows, whose packages ask for one."""
    packages = [
        Package("python", "3.12.7", "0", {"python.exe": File(b"MZ")}, ("__win",)),
        Package("numpy", NUMPY_VERSION, "py312_0", {"Lib/site-packages/numpy/__init__.py": File()}, ("python",)),
        Package("libblas", "3.11.0", "5_openblas", {"Library/bin/libblas.dll": File(b"MZ")}),
        Package("cupy", "14.2.0", "0", {"Lib/site-packages/cupy/__init__.py": File()}, ("__cuda >=12.9",)),
        Package("pip", "26.0", "0", {"share/pip/label.txt": File(b"pip")}, noarch=True),
    ]
    folder = tmp_path / "windows"
    write_channel(folder, packages, platform="win-64")
    return folder


def offer_elsewhere(house: House, name: str, *packages: str) -> None:
    house.offer(name, *packages)
    file = house.home / "environments" / f"{name}.toml"
    file.write_text(file.read_text().replace('["linux-64"]', '["linux-64", "win-64"]'))


def test_another_platform_gets_its_own_packages(house: House, windows: Path):
    offer_elsewhere(house, "mine", *CONDA)
    house.environ["HTTPS_PROXY"] = "http://127.0.0.1:9"  # our micromamba for Windows cannot be had
    done = house.call("fetch", "mine", "--platform", "win-64", "--channel", f"file://{windows}", "--yes")
    assert done.code == 0, done.text
    assert "mine@conda for win-64 is in the kit: 4 files" in done.text
    assert "the computer needs micromamba of its own" in done.text
    assert house.prefixes() == []
    published = {path.name: path.read_bytes() for path in windows.rglob("*.conda")}
    assert {path.name: path.read_bytes() for path in kept(house)}.items() <= published.items()
    assert "win-64" in house.call("fetch", "--list").text
    here = house.run("mine", channel=f"file://{windows}", more=["--offline"])
    assert here.code == 3, "packages of Windows were installed here"


@pytest.mark.parametrize(("cuda", "code"), [("12.9", 0), ("12.8", 4)])
def test_the_driver_of_another_computer_is_told_with_its_version(house: House, windows: Path, cuda: str, code: int):
    offer_elsewhere(house, "mine", "python", "cupy")
    words = ["fetch", "mine", "--platform", "win-64", "--cuda", cuda, "--channel", f"file://{windows}", "--yes"]
    done = house.call(*words)
    assert done.code == code, done.text


def test_what_does_not_exist_for_a_platform_is_told_before_anything_is_asked(house: House):
    for words, why in (
        (["numpy-accelerate", "--platform", "win-64"], "exists for osx-arm64, not for win-64"),
        (["numpy-mkl", "--platform", "win-65"], "win-64"),
        (["torch-cuda", "--cuda", "11.8"], "needs a driver for CUDA 12.8, not for 11.8"),
        (["torch-cuda", "--cuda", "new"], "a version such as 12.9"),
        (["torch-cpu", "--python", "3"], "a version such as 3.13"),
        (["numpy-mkl", "--source", "pypi"], "pypi has no numpy-mkl"),
        ([], "fetch needs the name of a stack"),
    ):
        done = house.call("fetch", *words, "--yes")
        assert done.code in (2, 4) and why in done.text, (words, done.text)
    assert house.calls() == []


def test_wheels_of_another_platform(house: House, tmp_path: Path):
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    tags = {"win-64": "cp312-cp312-win_amd64", "linux-64": "cp312-cp312-manylinux_2_28_x86_64"}
    for tag in tags.values():
        write_wheel(wheels / f"demo-1.0-{tag}.whl", tag)
    house.offer("mine", pypi=["demo==1.0"])
    file = house.home / "environments" / "mine.toml"
    file.write_text(file.read_text().replace('["linux-64"]', '["linux-64", "win-64"]'))
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    done = house.call("fetch", "mine", "--platform", "win-64", "--channel", house.channel, "--yes")
    assert done.code == 0, done.text
    assert [path.name for path in kept(house)] == [f"demo-1.0-{tags['win-64']}.whl"]
    assert "the computer needs uv and python 3.12 of its own" in done.text
    assert "whole; needs uv, python 3.12" in house.call("fetch", "--list").text


def write_wheel(path: Path, tag: str) -> None:
    info = "demo-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("demo.py", "")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n")
        wheel.writestr(f"{info}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n")
        wheel.writestr(f"{info}/RECORD", f"demo.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


# ------------------------------------------------------------------------------------------ the rest of the home


def test_the_doctor_knows_it_and_removing_all_removes_it(stocked: House, server: ChannelServer, source: str):
    fetched(stocked, server, source)
    part = kept(stocked)[0].with_name("other.whl.part")
    part.write_bytes(b"x" * 5000)
    told = {each["name"]: each for each in json.loads(stocked.call("doctor", "--offline", "--json").out)["findings"]}
    assert "1 stack for linux-64" in told["kit"]["message"]
    assert stocked.call("doctor", "--clean").code == 0
    assert not part.exists()
    assert stocked.call("fetch", "--check").code == 0, "the kit was cleaned away"
    kept(stocked)[0].unlink()
    told = {each["name"]: each for each in json.loads(stocked.call("doctor", "--offline", "--json").out)["findings"]}
    assert told["kit"]["state"] == "wrong" and "is gone" in told["kit"]["message"]
    assert stocked.call("env", "remove", "--all").code == 0
    assert not (stocked.home / "kit").exists()


def test_a_kit_for_another_computer_is_told_of_where_it_cannot_be_used(house: House, windows: Path):
    offer_elsewhere(house, "mine", *CONDA)
    assert house.call("fetch", "mine", "--platform", "win-64", "--channel", f"file://{windows}", "--yes").code == 0
    done = house.run("mine", more=["--offline"])
    assert "the kit has mine@conda for win-64" in done.text, done.text


def test_a_moved_environment_is_repaired_by_hand_too(stocked: House, server: ChannelServer, source: str):
    assert stocked.run("mine", source=source, channel=server.url).code == 0
    carried(stocked, "moved")
    assert stocked.call("env", "check", "--repair").code == 0
    assert stocked.call("env", "path", "mine").code == 0


def test_a_home_that_moved_makes_its_environments_anew_without_a_network(
    stocked: House, server: ChannelServer, source: str
):
    assert stocked.run("mine", source=source, channel=server.url).code == 0
    (old,) = stocked.prefixes()
    lock = stocked.environment()["lock"]
    carried(stocked, "moved")
    assert "moved" in stocked.call("env", "list").text
    path = stocked.call("env", "path", "mine")
    assert path.code == 2 and f"mine was made in {old}" in path.text, path.text
    assert f"it was made in {old}" in stocked.call("env", "check").text
    said = made_offline(stocked, server, source)
    assert f"mine was made in {old}: it is made anew from its lock file" in said
    assert stocked.environment()["lock"] == lock
    (prefix,) = stocked.prefixes()
    assert [str(path) for path in stocked.containing(str(old), prefix)] == []
    again = stocked.run("mine", source=source, channel=server.url, more=["--offline"])
    assert again.code == 0 and "made anew" not in again.text
