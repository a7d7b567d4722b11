"""Every row of the table of failures: what happened, why, the next step; other stacks go on; no traceback."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.bad_hosts import AUTHORITY, BadHost, bad_hosts
from environments.house import REAL, House, fails, finish, log_named_in, mounted, needs_standin, wait_for
from footprint import needs_strace, refused
from standin.channel import MINOR
from standin.server import ChannelServer, Fault

pytestmark = pytest.mark.promise("networks")

SMALL = ("python", "toy-bz2")
GONE = (
    'case "$*" in *"--dry-run"*) ;; *"create "*) for word; do case "$word" in *.lock) '
    "sed -i 's,http://127.0.0.1:[0-9]*,http://127.0.0.1:9,' \"$word\";; esac; done;; esac"
)
"""Shell text that sends an installing micromamba to a port where nobody is."""


@pytest.fixture
def small(house: House) -> House:
    """A stack of little more than python."""
    house.offer("small", *SMALL)
    return house


@pytest.mark.usefixtures("shape")
def test_unknown_package_and_the_next_stack_goes_on(small: House):
    small.offer("unknown", "python", "nosuchpkg")
    small.offer("numbers", f"python={MINOR}", "numpy=2.4.6", "libblas=*=*openblas")
    done = small.run("unknown", "numbers")
    assert done.code == 4, done.text
    rows = {row["environment"].partition("@")[0]: row for row in small.report()["results"]}
    assert rows["numbers"]["status"] == "ok"
    failure = rows["unknown"]["failure"]
    assert failure["reason"] == "provision"
    assert "no package fits nosuchpkg in the channel" in failure["message"]
    assert "edit the stack's TOML file" in failure["message"]
    log = Path(failure["log"])
    assert "nosuchpkg" in log.read_text()


@pytest.mark.usefixtures("shape")
def test_version_that_is_not_there(small: House):
    small.offer("old", "python=2.7")
    fails(small.create("old"), small, why="no package fits python", then="edit the stack's TOML")


@pytest.mark.usefixtures("shape")
def test_no_gpu(small: House):
    small.offer("gpu", "python", "toy-cuda")
    fails(small.create("gpu"), small, why="needs an NVIDIA driver", then="update the driver, or choose a -cpu")


@bad_hosts(long="unsigned, of another host, sent to a login page, cut, silent")
def test_bad_channel_is_told(small: House, tmp_path: Path, bad: BadHost):
    small.environ["SSL_CERT_FILE"] = str(AUTHORITY)
    with bad.url(tmp_path / "nothing") as url:
        done = small.create("small", channel=url)
    bad.is_told(done, small)
    assert "name a mirror with --channel" in done.text
    assert small.calls() == []


def test_bad_channel_is_a_row_of_its_own(small: House):
    done = small.run("small", channel="http://127.0.0.1:9")
    assert done.code == 3
    failure = small.row()["failure"]
    assert (small.row()["status"], failure["reason"]) == ("unavailable", "source")
    assert "connection refused by 127.0.0.1:9" in failure["message"]


def test_refused_after_the_probe(small: House, server: ChannelServer):
    """The server goes away between the probe and the download: as a network failure, not as a bug."""
    small.use_micromamba(before=GONE)
    done = small.create("small", channel=server.url)
    fails(done, small, why="connection refused|cannot connect|answered 503", then="--source pypi|name a mirror")


@pytest.mark.parametrize("channel", ["http://[x", "http://[x/channel", "http://host:port/x"])
def test_channel_that_is_no_url(small: House, channel: str):
    done = small.run("small", channel=channel)
    assert done.code == 2, done.text
    assert f"{channel}: it is not a valid URL" in done.text
    recipe = small.home / "environments" / "small.toml"
    recipe.write_text(recipe.read_text().replace("conda-forge", channel))
    for words in (["list"], ["run", "small", "--preset", "quick", "--yes"], ["doctor"]):
        done = small.call(*words)
        assert done.code in (0, 3, 4), done.text
    assert "it is not a valid URL" in small.report()["results"][0]["failure"]["message"]


def test_certificate_variable_that_names_no_file(small: House):
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        small.environ = {**small.environ, name: "/no/such.pem"}
        for words in (["doctor", "--channel", "https://127.0.0.1:9/x"], ["env", "create", "small", "--source", "conda",
                      "--channel", "https://127.0.0.1:9/x", "--yes"]):  # fmt: skip
            done = small.call(*words)
            assert done.code == 4, done.text
            assert "/no/such.pem" in done.text and name in done.text
        del small.environ[name]


def test_channel_without_this_platform(small: House, server: ChannelServer):
    done = small.run("small", channel=f"{server.url}/nothing/here")
    assert done.code == 3
    assert "answered 404" in small.row()["failure"]["message"]


def test_package_404(small: House, server: ChannelServer):
    server.faults["*toy-bz2*"] = Fault(status=404)
    done = small.create("small", channel=server.url)
    fails(done, small, why=r"toy-bz2-1.0-0.tar.bz2.*404", then="name a mirror")


def test_server_error(small: House, server: ChannelServer):
    server.faults["*toy-bz2*"] = Fault(status=503)
    done = small.create("small", channel=server.url)
    fails(done, small, why="answered 503", then="name a mirror")


def test_index_error(small: House, server: ChannelServer):
    server.faults["*repodata*"] = Fault(status=500)
    done = small.run("small", channel=server.url)
    assert done.code == 3
    assert "500" in small.row()["failure"]["message"]


def test_wrong_hash_in_the_index(small: House):
    small.offer("bad", "python", "toy-badhash")
    fails(small.create("bad"), small, why="not what the channel promised", then="proxy or the mirror changes files")
    assert not [path for path in small.archives() if "badhash" in path.name]


def test_wrong_bytes_on_the_way(small: House, server: ChannelServer):
    server.faults["*toy-bz2*"] = Fault(wrong_bytes=True)
    fails(small.create("small", channel=server.url), small, why="not what the channel promised", then="try again")
    server.faults.clear()
    assert small.create("small", channel=server.url).code == 0


def test_cut_in_mid_file(small: House, server: ChannelServer):
    server.faults["*python-3*"] = Fault(cut_after_bytes=100_000)
    fails(small.create("small", channel=server.url), small, why="broke off", then="try again")
    server.faults["*python-3*"] = Fault(cut_after_bytes=100_000, times=1)
    assert small.create("small", channel=server.url).code == 0, "one cut is tried again by micromamba itself"


@pytest.mark.parametrize("which", ["*python-3*", pytest.param("*repodata*", id="index")])
def test_stalled(small: House, server: ChannelServer, which: str):
    if REAL is not None and "python" in which:
        pytest.skip("a real micromamba waits for two minutes")
    if REAL is None:
        small.use_micromamba("stall-seconds=0.6")
    server.faults[which] = Fault(stall_after_bytes=0 if "repodata" in which else 100_000)
    done = small.run("small", channel=server.url)
    assert done.code == 3, done.text
    assert "timed out" in small.row()["failure"]["message"]
    assert done.seconds < 30


@pytest.mark.long
@pytest.mark.parametrize("which", ["*python-3*", pytest.param("linux-64/repodata.json", id="index")])
def test_a_silent_channel_is_given_up_within_a_minute_and_told_meanwhile(
    small: House, server: ChannelServer, which: str
):
    """micromamba itself waits for two minutes and says nothing."""
    if REAL is None:
        small.use_micromamba("stall-seconds=600")
    server.faults[which] = Fault(stall_after_bytes=1000)
    begun = small.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    said: list[float] = [time.monotonic()]
    lines = []
    for line in begun.stderr:
        said.append(time.monotonic())
        lines.append(line)
    done = finish(begun)
    text = "".join(lines)
    assert done.code == 4, text
    assert "connection to 127.0.0.1 timed out" in text and "--source pypi" in text
    assert re.search(r"waiting for 127\.0\.0\.1, \d+ s", text), text
    assert said[-1] - said[0] < 75
    assert max(after - before for before, after in zip(said, said[1:], strict=False)) < 10, text


@pytest.mark.long
def test_a_slow_channel_that_moves_goes_on_and_says_so(small: House, server: ChannelServer):
    if REAL is None:
        small.use_micromamba("stall-seconds=600")
    archive = next(small.channel_folder.glob("linux-64/python-3*"))
    server.faults["*python-3*"] = Fault(bytes_per_second=archive.stat().st_size / 70)
    begun = small.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    said = [time.monotonic()]
    said += [time.monotonic() for _line in begun.stderr]
    assert begun.wait() == 0
    assert said[-1] - said[0] > 60
    assert max(after - before for before, after in zip(said, said[1:], strict=False)) < 10


@pytest.mark.promise("disks")
@needs_standin
@pytest.mark.parametrize("phase", ["download", "extract", "link"])
def test_full_disk_as_micromamba_tells_it(small: House, phase: str):
    small.use_micromamba(f"disk-full={phase}")
    fails(small.create("small"), small, why="disk", then="free (some )?disk space")


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 250 MB."""
    yield from mounted(tmp_path / "disk", options="size=250m")


@pytest.mark.promise("disks")
def test_full_disk(tiny_disk: Path, tmp_path: Path, channel: Path):
    house = House(tmp_path, channel)
    house.home = tiny_disk / "home"
    house.offer("small", *SMALL)
    fill = f'head -c 1G /dev/zero > "{tiny_disk}/filler" 2>/dev/null'
    house.use_micromamba(before=f'case "$*" in *"--dry-run"*) ;; *"create "*) {fill} ;; esac')
    done = house.create("small")
    fails(done, house, why="disk|cannot write", then="free (some )?disk space", log=False)
    (tiny_disk / "filler").unlink()
    house.use_micromamba()
    assert house.create("small").code == 0


@pytest.mark.promise("disks")
def test_too_little_disk_is_said_before_anything_is_fetched(tmp_path: Path, channel: Path, tiny_disk: Path):
    house = House(tmp_path, channel)
    house.home = tiny_disk / "home"
    house.offer("large", "python", "toy-large")
    (tiny_disk / "filler").write_bytes(bytes(150_000_000))
    done = house.create("large")
    assert done.code == 5
    assert "are free in" in done.text and "choose another --home" in done.text
    assert house.installs() == []


@pytest.mark.promise("disks")
def test_root_that_cannot_be_written(tmp_path: Path, channel: Path):
    house = House(tmp_path, channel)
    house.offer("small", *SMALL)
    for _ in mounted(house.home / "mamba", options="ro,size=1m"):
        done = house.create("small")
        assert done.code == 4, done.text
        assert "another --home" in done.text
        assert house.prefixes() == []


@pytest.mark.promise("disks")
@needs_strace
def test_disk_without_hard_links_is_used(small: House):
    done = small.run(wrapped=refused([], "link", "linkat"))
    assert done.code == 0, done.text
    (prefix,) = small.prefixes()
    assert [path for path in prefix.rglob("*.so") if path.stat().st_nlink > 1] == []


@pytest.mark.promise("disks")
def test_home_that_is_removed_during_a_download(small: House, server: ChannelServer):
    server.faults["*python-3*"] = Fault(bytes_per_second=100_000)
    begun = small.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    wait_for(lambda: small.archives())
    shutil.rmtree(small.home / "results")  # first: the program may see the rest go
    shutil.rmtree(small.home)
    server.faults.clear()
    done = finish(begun)
    assert done.code == 5, done.text
    assert f"{small.home / 'results'} is gone (No such file or directory)" in done.text
    assert not (small.home / "results").exists()


@pytest.mark.parametrize(
    ("given", "why"),
    [("/no/such/file", "no executable file"), ("text", "no executable file|cannot start"), ("dies", "signal 11")],
)
def test_micromamba_that_cannot_run(small: House, given: str, why: str):
    script = small.folder / given
    if given == "text":
        script.write_text("no program")
    if given == "dies":
        script.write_text("#!/bin/sh\nkill -SEGV $$\n")
        script.chmod(0o755)
    small.environ["MAMBENCH_MICROMAMBA"] = given if given.startswith("/") else str(script)
    done = small.run("small")
    assert done.code == 3, done.text
    assert re.search(why, small.row()["failure"]["message"])


def test_micromamba_that_knows_other_options(small: House):
    small.environ["MAMBENCH_MICROMAMBA"] = str(small.use_micromamba(before='set -- --no-such-option "$@"'))
    fails(small.create("small"), small, why="does not know what mambench asks", then="unset MAMBENCH_MICROMAMBA")


@pytest.mark.promise("files")
def test_answer_that_is_no_json(small: House):
    small.use_micromamba(before="echo hello; exit 0")
    fails(small.create("small"), small, why="names no package", then="see the log", log=False)


@pytest.mark.promise("files")
def test_index_that_is_damaged(small: House, tmp_path: Path, channel: Path):
    copy = tmp_path / "damaged"
    shutil.copytree(channel, copy, symlinks=True)
    for subdir in ("linux-64", "noarch"):
        (copy / subdir / "repodata.json").write_text("{")
        (copy / subdir / "repodata.json.zst").write_bytes(b"\x28\xb5\x2f\xfdxx")
    done = small.create("small", channel=f"file://{copy}")
    assert done.code == 4
    assert small.prefixes() == []


def test_local_channel_with_a_space(small: House, tmp_path: Path):
    (tmp_path / "my channel").symlink_to(small.channel_folder)
    done = small.create("small", channel=f"file://{tmp_path}/my%20channel")
    assert done.code == 4
    assert "cannot hold a space" in done.text and "move or link it" in done.text


@pytest.mark.promise("disks")
def test_folder_in_the_way_of_the_prefix(small: House):
    assert small.create("small").code == 0
    (prefix,) = small.prefixes()
    assert small.call("env", "remove", "small").code == 0
    prefix.mkdir()
    (prefix / "somebody's file").write_text("x")
    assert small.create("small").code == 0


@pytest.mark.usefixtures("shape")
def test_what_the_log_says_is_what_micromamba_said(small: House):
    small.offer("bad", "python", "toy-badhash")
    log = log_named_in(small.create("bad"))
    assert "toy-badhash" in log.read_text()


def test_interrupted_probe_ends_at_once(small: House, server: ChannelServer):
    server.faults["*repodata*"] = Fault(stall_after_bytes=0)
    begun = small.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    wait_for(lambda: server.requests)
    begun.send_signal(2)
    done = finish(begun)
    assert done.code == 130, done.text
    assert done.seconds < 2


def test_killed_micromamba_is_told_by_its_signal(small: House):
    small.use_micromamba(before='case "$*" in *"--dry-run"*) ;; *"create "*) kill -KILL $$ ;; esac')
    fails(small.create("small"), small, why="SIGKILL", then="log", log=False)
