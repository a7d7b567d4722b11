"""An environment is solved, installed, used, found again, made anew; what is on the way costs nothing twice."""

from __future__ import annotations

import hashlib
import json
import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from environments.house import STACK, House, finish, wait_for
from standin.channel import NUMPY_VERSION
from standin.server import ChannelServer, Fault, serve


@pytest.mark.parametrize("over", ["file", "http"])
@pytest.mark.usefixtures("shape")
def test_it_ends_in_a_verified_row_and_is_found_again(house: House, server: ChannelServer, over: str):
    channel = house.channel if over == "file" else server.url
    done = house.run(channel=channel)
    assert done.code == 0, done.text
    row, environment = house.row(), house.environment()
    assert (row["status"], row["verified"], row["environment"]) == ("ok", True, f"{STACK}@conda")
    assert environment["channels"] == [channel]
    packages = {package["name"]: package for package in environment["packages"]}
    assert packages["libblas"]["build"].endswith("_openblas")
    assert packages["numpy"]["version"] == NUMPY_VERSION
    assert packages["numpy"]["channel"].startswith(channel)
    lock = environment["lock"].splitlines()
    assert lock[0] == "@EXPLICIT"
    assert sorted(lock[1:]) == sorted(f"{each['url']}#{each['sha256']}" for each in packages.values())
    assert len(house.calls()) == 2
    assert len(house.installs()) == 1
    assert house.archives() == []
    server.faults["*"] = Fault(status=500)
    again = house.run(channel=channel)
    assert again.code == 0, again.text
    assert len(house.calls()) == 2, "a ready environment was solved or made again"


def test_numpy_in_it_is_its_own(house: House):
    assert house.run().code == 0
    (environment,) = house.report()["environments"].values()
    (prefix,) = house.prefixes()
    assert environment["python"] == f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    facts = house.row()["rounds"][0]["facts"]
    assert NUMPY_VERSION in str(facts)
    assert "openblas" in facts["blas"].lower()
    assert (prefix / "conda-meta").is_dir()


def test_a_label_without_its_library_is_mislabelled_and_no_number(house: House):
    done = house.run("numpy-mkl")
    assert done.code == 3, done.text
    row = house.row()
    assert (row["status"], row["failure"]["reason"]) == ("failed", "mislabelled")
    assert row["seconds"] is row["gflops"] is None
    assert "openblas" in row["failure"]["message"].lower()


@pytest.mark.parametrize("name", ["a home", "häuschen 家", "it's $HOME; & (1) #2", "comma,home", "per%20cent"])
def test_homes_of_many_names(tmp_path: Path, channel: Path, name: str):
    house = House(tmp_path, channel, name=name)
    done = house.run()
    assert done.code == 0, done.text
    assert house.row()["status"] == "ok"
    where = house.call("env", "exec", STACK, "--", "python", "-c", "import sys, numpy; print(sys.prefix)")
    assert where.out.strip() == str(house.prefixes()[0])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        {"calls", "cwd", "temporary", "tools", "user", name, *(["standin"] if (tmp_path / "standin").exists() else [])}
    )


def test_two_at_once_make_it_once_and_fetch_each_file_once(house: House, server: ChannelServer):
    server.faults["*.conda"] = Fault(bytes_per_second=40e6)
    words = ["run", STACK, "--source", "conda", "--channel", server.url, "--preset", "quick", "--size", "256"]
    begun = [house.start(*words, "--dtype", "float64", "--threads", "1", "--yes") for _ in range(2)]
    for done in [finish(process) for process in begun]:
        assert done.code == 0, done.text
    assert len(house.installs()) == 1
    fetched = {path: count for path, count in server.requests.items() if path.endswith((".conda", ".bz2"))}
    assert set(fetched.values()) == {1}


def test_two_stacks_share_their_packages(house: House, server: ChannelServer):
    assert house.create(STACK, channel=server.url).code == 0
    before = server.requests.copy()
    done = house.create("numpy-mkl", channel=server.url)
    assert done.code == 0, done.text
    fetched = [path for path in (server.requests - before) if path.endswith((".conda", ".bz2"))]
    assert [Path(path).name.partition("-")[0] for path in fetched] == ["libblas"]
    assert "0 MB to download" in done.text, "what is in the cache does not count as a download"


def test_removed_it_comes_back_without_a_network(house: House, channel: Path):
    with serve(channel) as server:
        url = server.url
        assert house.create(channel=url).code == 0
        lock = house.prefixes()[0].with_suffix(".lock").read_text()
        assert house.call("env", "remove", STACK).code == 0
        before = sum(server.requests.values())
        assert house.create(channel=url, more=["--offline"]).code == 0
        assert sum(server.requests.values()) == before
        assert house.call("env", "remove", STACK).code == 0
    done = house.run(channel=url, more=["--offline"])
    assert done.code == 0, done.text
    assert house.environment()["lock"] == lock


def test_offline_without_its_packages_says_so(house: House, server: ChannelServer):
    done = house.run(channel=server.url, more=["--offline"])
    assert done.code == 3, done.text
    assert house.row()["failure"]["reason"] == "offline"
    assert "run once without --offline" in done.text
    assert sum(server.requests.values()) == 0


def test_offline_with_only_the_index_says_what_is_missing(house: House, server: ChannelServer):
    house.offer("small", "python")
    assert house.create("small", channel=server.url).code == 0
    before = sum(server.requests.values())
    done = house.create(STACK, channel=server.url, more=["--offline"])
    assert done.code == 4
    assert "numpy" in done.text
    assert "run once without --offline" in done.text
    assert sum(server.requests.values()) == before


def test_offline_a_channel_on_this_disk_still_serves(house: House):
    assert house.create(more=["--offline"]).code == 0


def test_nothing_to_download_needs_no_yes(house: House):
    words = ["env", "create", STACK, "--source", "conda", "--channel", house.channel]
    refused = house.call(*words)
    assert refused.code == 2
    assert "add --yes" in refused.text
    assert re.search(r"[1-9]\d* MB to download", refused.text)
    assert house.prefixes() == []
    assert house.call(*words, "--yes").code == 0
    assert house.call("env", "remove", STACK).code == 0
    assert house.call(*words).code == 0


@pytest.mark.parametrize("command", ["run", "env create"])
def test_one_question_for_all_stacks(house: House, command: str):
    words = [*command.split(), STACK, "numpy-mkl", "--source", "conda", "--channel", house.channel]
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "mambench", *words, "--home", str(house.home)],
        env={**house.environ, "TERM": "xterm"}, cwd=house.cwd, stdin=theirs, stdout=theirs, stderr=theirs,
        start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = read_until(ours, b"[Y/n]")
    assert b"MB to download" in seen and b"numpy-mkl" in seen
    os.write(ours, b"n\n")
    seen = read_until(ours, None)
    process.wait(30)
    os.close(ours)
    assert b"[Y/n]" not in seen
    assert b"as you chose" in seen
    assert house.prefixes() == []
    assert house.installs() == []


def read_until(descriptor: int, wanted: bytes | None) -> bytes:
    """What a terminal shows up to a text, or to its end."""
    seen, deadline = b"", time.monotonic() + 60
    while wanted is None or wanted not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([descriptor], [], [], 0.2)[0]:
            try:
                data = os.read(descriptor, 65536)
            except OSError:
                return seen
            if not data:
                return seen
            seen += data
    return seen


def test_progress_in_bytes_then_packages(house: House, server: ChannelServer):
    server.faults["*numpy*"] = server.faults["*python-3*"] = Fault(bytes_per_second=15e6)
    ours, theirs = pty.openpty()
    words = ["env", "create", STACK, "--source", "conda", "--channel", server.url, "--yes", "--home", str(house.home)]
    process = subprocess.Popen(
        [sys.executable, "-m", "mambench", *words], env={**house.environ, "TERM": "xterm"}, cwd=house.cwd,
        stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    seen = read_until(ours, None).decode(errors="replace")
    assert process.wait(30) == 0, seen
    os.close(ours)
    shown = [(float(done), int(total)) for done, total in re.findall(r"([\d.]+) MB of (\d+) MB", seen)]
    assert len({done for done, _ in shown}) >= 3, seen
    assert [done for done, _ in shown] == sorted(done for done, _ in shown)
    sizes = [record["size_bytes"] for record in marker(house)["packages"]]
    assert {total for _, total in shown} == {round(sum(sizes) / 1e6)}


def marker(house: House) -> dict[str, object]:
    """The marker of the only prefix."""
    (prefix,) = house.prefixes()
    return json.loads((prefix / "mambench-marker.json").read_text())


def test_a_cached_package_that_was_changed_is_not_used(house: House, server: ChannelServer):
    assert house.create(channel=server.url).code == 0
    assert house.call("env", "remove", STACK).code == 0
    (module,) = (house.home / "mamba" / "pkgs").rglob("site-packages/numpy/matlib.py")
    module.write_text("raise SystemExit('changed')\n")
    assert house.create(channel=server.url).code == 0
    code = house.call("env", "exec", STACK, "--", "python", "-W", "ignore", "-c", "import numpy.matlib").code
    assert code == 0


def test_an_archive_that_was_changed_is_fetched_again(house: House, server: ChannelServer):
    server.faults["*numpy-2*"] = Fault(status=404)
    assert house.create(channel=server.url).code == 4
    server.faults.clear()
    archives = house.archives()
    for archive in archives:
        archive.write_bytes(archive.read_bytes()[:-100])
    for folder in {archive.parent for archive in archives}:
        for extracted in folder.iterdir():
            if extracted.is_dir():
                shutil.rmtree(extracted)
    done = house.create(channel=server.url)
    assert done.code == 0, done.text


def test_a_marker_of_another_recipe_is_not_trusted(house: House):
    house.offer("small", "python")
    assert house.create("small").code == 0
    house.offer("small", "python", "toy-bz2")
    assert house.create("small").code == 0
    assert len(house.prefixes()) == 2
    digests = {path.name.rpartition("-")[2] for path in house.prefixes()}
    assert len(digests) == 2


def test_a_wreck_is_made_anew_whole(house: House):
    """A dry run on a prefix that exists tells the difference only: its lock would be half a lock."""
    assert house.create().code == 0
    (prefix,) = house.prefixes()
    lock = prefix.with_suffix(".lock").read_text()
    (prefix / "mambench-marker.json").unlink()
    next((prefix / "conda-meta").glob("numpy*.json")).unlink()
    done = house.run()
    assert done.code == 0, done.text
    assert house.environment()["lock"] == lock


def test_a_relative_channel_means_the_persons_own_folder(house: House):
    (house.cwd / "mirror").symlink_to(house.channel_folder)
    house.offer("small", "python")
    done = house.create("small", channel="./mirror")
    assert done.code == 0, done.text


def test_the_lock_beside_the_prefix_is_the_markers(house: House):
    house.offer("small", "python")
    assert house.create("small").code == 0
    (prefix,) = house.prefixes()
    lock = prefix.with_suffix(".lock").read_bytes()
    assert marker(house)["lock_sha256"] == hashlib.sha256(lock).hexdigest()


def test_the_cache_may_be_removed_while_another_installs(house: House, server: ChannelServer):
    server.faults["*python-3*"] = Fault(bytes_per_second=8e6)
    house.offer("small", "python")
    making = house.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    wait_for(lambda: house.archives())
    removing = house.call("env", "remove", "--all")
    assert removing.code == 0, removing.text
    assert finish(making).code == 0
