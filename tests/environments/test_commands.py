"""`env list|path|exec|remove` and `doctor`, on environments that micromamba made."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from environments.house import House, finish, mounted, wait_for
from mambench.system import mutex
from mambench.system.home import Home
from standin.server import ChannelServer


@pytest.fixture
def small(house: House) -> House:
    """A ready environment."""
    house.offer("small", "python", "toy-entry")
    assert house.create("small").code == 0
    return house


# ------------------------------------------------------------------------------------------------ environments


def test_create_waits_for_a_run_and_says_so(house: House):
    house.offer("small", "python", "toy-entry")
    home = Home(house.home)
    home.prepare()
    words = ["env", "create", "small", "--source", "conda", "--channel", house.channel, "--yes"]
    with mutex.held(home, mutex.measuring(home), "`mambench run numpy-mkl`", on_wait=lambda who: pytest.fail(who)):
        begun = house.start(*words)
        said = next(line for line in begun.stderr if "waiting for" in line)
        assert f"`mambench run numpy-mkl` (pid {os.getpid()}" in said
        assert house.installs() == []
    assert finish(begun).code == 0
    assert len(house.installs()) == 1


def test_list_tells_sizes(small: House):
    (listed,) = json.loads(small.call("env", "list", "--json").out)["environments"]
    (prefix,) = small.prefixes()
    assert (listed["name"], listed["source"], listed["prefix"]) == ("small", "conda", str(prefix))
    told = int(subprocess.check_output(["du", "-s", "--apparent-size", "-B1", prefix], text=True).split()[0])
    assert 0.8 * told < listed["size_bytes"] <= told
    unlinked = sum(
        path.lstat().st_size
        for path in prefix.rglob("*")
        if (path.is_symlink() or path.is_file()) and path.lstat().st_nlink == 1
    )
    assert listed["freed_bytes"] == unlinked < listed["size_bytes"]
    shown = small.call("env", "list").text
    assert f"{round(listed['size_bytes'] / 1e6)} MB" in shown


def test_path_is_the_folder(small: House):
    assert small.call("env", "path", "small").out == f"{small.prefixes()[0]}\n"
    missing = small.call("env", "path", "numpy-mkl")
    assert missing.code == 2
    assert "`mambench env create numpy-mkl` makes it" in missing.text


def test_exec_runs_a_persons_script_with_the_right_path(small: House):
    script = small.cwd / "mine.py"
    script.write_text(
        "import json, os, shutil, sys\n"
        "print(json.dumps([sys.prefix, os.environ['PATH'], shutil.which('toy-entry'), os.environ['CONDA_PREFIX'],"
        " os.getcwd(), os.environ['MINE'], sys.argv[1:]]))\n"
    )
    environ = {"MINE": "yes", "PYTHONPATH": "/nowhere", "CONDA_PREFIX": "/elsewhere"}
    done = small.call("env", "exec", "small", "--", "python", "mine.py", "--size", "8", environ=environ)
    assert done.code == 0, done.text
    prefix = str(small.prefixes()[0])
    said = json.loads(done.out)
    assert said[0] == said[3] == prefix
    assert said[1].split(":")[0] == f"{prefix}/bin"
    assert said[1].split(":")[1:] == small.environ["PATH"].split(":")
    assert said[2] == f"{prefix}/bin/toy-entry"
    assert said[4:] == [str(small.cwd), "yes", ["--size", "8"]]


@pytest.mark.parametrize("code", [0, 3, 255])
def test_exec_passes_the_exit_code(small: House, code: int):
    assert small.call("env", "exec", "small", "--", "python", "-c", f"raise SystemExit({code})").code == code


def test_exec_tells_a_signal_as_a_shell_does(small: House):
    words = ["python", "-c", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"]
    assert small.call("env", "exec", "small", "--", *words).code == 128 + signal.SIGKILL


def test_exec_of_nothing_and_of_what_is_not_there(small: House):
    assert small.call("env", "exec", "small").code == 2
    missing = small.call("env", "exec", "small", "--", "no-such-program")
    assert missing.code == 2
    assert "no-such-program" in missing.text


def test_exec_lets_the_script_hear_ctrl_c(small: House):
    script = "import sys, time\ntry:\n    print('ready', flush=True)\n    time.sleep(60)\n"
    script += "except KeyboardInterrupt:\n    sys.exit(7)\n"
    (small.cwd / "waits.py").write_text(script)
    begun = small.start("env", "exec", "small", "--", "python", "waits.py")
    assert begun.stdout.readline() == "ready\n"
    os.killpg(begun.pid, signal.SIGINT)  # as the terminal does
    done = finish(begun)
    assert done.code == 7, done.text
    assert done.seconds < 5


def test_exec_uses_our_own_output_and_input(small: House):
    process = subprocess.run(
        [sys.executable, "-m", "mambench", "env", "exec", "--home", str(small.home), "small", "--", "python", "-c",
         "import sys; print(sys.stdin.read().upper())"],
        env=small.environ, input="hello", capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert process.stdout == "HELLO\n"


def test_remove_frees_and_keeps_the_others(small: House):
    small.offer("other", "python")
    assert small.create("other").code == 0
    done = small.call("env", "remove", "small")
    assert done.code == 0
    assert "removed 1 environment," in done.text
    assert [path.name.rpartition("-")[0] for path in small.prefixes()] == ["other"]
    assert small.call("env", "exec", "other", "--", "python", "-c", "import json").code == 0
    assert list((small.home / "envs").glob("small*")) == []
    assert small.call("env", "remove", "small").code == 2


def test_remove_needs_a_name(small: House):
    done = small.call("env", "remove")
    assert done.code == 2
    assert "--all" in done.text
    assert len(small.prefixes()) == 1


def test_remove_tells_what_becomes_free(small: House):
    """Most of a prefix is linked to the cache: both together free it."""
    small.offer("other", "python")
    assert small.create("other").code == 0

    def used() -> int:
        files = [path.lstat() for path in small.home.rglob("*") if path.is_symlink() or not path.is_dir()]
        return sum({(one.st_dev, one.st_ino): one.st_size for one in files}.values())

    def removed(*words: str) -> tuple[float, float]:
        before = used()
        told = re.search(r"([\d.]+) MB are free again", small.call("env", "remove", *words).text)
        assert told is not None
        return float(told[1]), (before - used()) / 1e6

    for words in (("small",), ("--all",)):
        told, true = removed(*words)
        assert abs(told - true) < 1.5, (words, told, true)


def test_remove_all_leaves_no_cache(small: House):
    assert small.call("env", "remove", "--all").code == 0
    assert small.prefixes() == []
    assert not (small.home / "mamba").exists()


# ------------------------------------------------------------------------------------------------------ doctor


def findings(house: House, *words: str, **options: Any) -> dict[str, list[dict[str, str]]]:
    """What the doctor found, by name; the exit code tells whether something is wrong."""
    done = house.call("doctor", "--json", *words, **options)
    every = json.loads(done.out)["findings"]
    assert done.code == (4 if "wrong" in {each["state"] for each in every} else 0), done.text
    found: dict[str, list[dict[str, str]]] = {}
    for each in every:
        assert each["state"] == "ok" or each["remedy"] or each["state"] == "note", each
        found.setdefault(each["name"], []).append(each)
    return found


def test_healthy(small: House, server: ChannelServer):
    found = findings(small, "--channel", server.url)
    assert {found[name][0]["state"] for name in ("home", "micromamba", "uv", "channel")} == {"ok"}
    assert "not verified)" in found["micromamba"][0]["message"]
    assert "without a proxy" in found["channel"][0]["message"]
    assert "leftovers" not in found
    shown = small.call("doctor", "--channel", server.url)
    assert shown.code == (0 if found["disk"][0]["state"] == "ok" else 4)  # how full this computer's disk is
    assert server.url in shown.text


def test_unreachable_channel_through_a_proxy(house: House):
    proxy = "http://me:secret@127.0.0.1:9"
    (found,) = findings(house, "--channel", "http://far.invalid", environ={"http_proxy": proxy})["channel"]
    assert found["state"] == "wrong"
    assert "http_proxy=http://***@127.0.0.1:9" in found["message"] and "secret" not in str(found)
    assert "--channel" in found["remedy"]


def test_channel_without_this_platform(house: House, server: ChannelServer):
    (found,) = findings(house, "--channel", f"{server.url}/nothing")["channel"]
    assert found["state"] == "wrong" and "404" in found["message"]


def test_offline_asks_no_channel(house: House, server: ChannelServer):
    assert "channel" not in findings(house, "--offline", "--channel", server.url)
    assert sum(server.requests.values()) == 0


def test_micromamba_that_is_not_there(house: House):
    (found,) = findings(house, "--offline", environ={"MAMBENCH_MICROMAMBA": "/no/such"})["micromamba"]
    assert found["state"] == "wrong"
    assert "/no/such" in found["message"] and "unset it" in found["remedy"]


def test_micromamba_that_does_not_run(house: House):
    script = house.use_micromamba(before="kill -SEGV $$")
    (found,) = findings(house, "--offline")["micromamba"]
    assert found["state"] == "wrong"
    assert str(script) in found["message"] and "SIGSEGV" in found["message"]


def test_uv_that_is_not_there(house: House):
    (found,) = findings(house, "--offline", environ={"MAMBENCH_UV": "/no/such"})["uv"]
    assert found["state"] == "wrong" and found["remedy"]


def test_uv_of_another_version(house: House):
    old = house.folder / "uv"
    old.write_text("#!/bin/sh\necho uv 0.4.1\n")
    old.chmod(0o755)
    house.environ["MAMBENCH_UV"] = str(old)
    (found,) = findings(house, "--offline")["uv"]
    assert found["state"] == "wrong" and "uv 0.4.1" in found["message"] and "MAMBENCH_UV" in found["remedy"]
    house.offer("toy", pypi=["toy==1.0"])
    done = house.run("toy", source="pypi")
    assert done.code == 3, done.text
    assert (house.row()["status"], house.row()["failure"]["reason"]) == ("unavailable", "source")
    assert "uv 0.4.1" in house.row()["failure"]["message"]


def test_home_that_cannot_be_written(house: House):
    (house.folder / "file").write_text("")
    house.home = house.folder / "file" / "home"
    (found,) = findings(house, "--offline")["home"]
    assert found["state"] == "wrong" and "--home" in found["remedy"]


def test_home_with_too_long_a_path(house: House):
    house.home = house.folder / ("long-" * 20) / ("long-" * 20) / "home"
    (found,) = findings(house, "--offline")["path"]
    assert found["state"] == "wrong" and "shorter" in found["remedy"]


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 20 MB."""
    yield from mounted(tmp_path / "disk", options="size=20m")


def test_little_disk(house: House, tiny_disk: Path):
    house.home = tiny_disk / "home"
    (found,) = findings(house, "--offline")["disk"]
    assert found["state"] == "wrong" and "0.0 GB free" in found["message"]


def test_leftovers(small: House):
    (prefix,) = small.prefixes()
    (prefix / "mambench-marker.json").unlink()
    stale = small.home / "tmp" / "left"
    stale.mkdir()
    (stale / "half").write_bytes(bytes(2_000_000))
    wreck, old = findings(small, "--offline")["leftovers"]
    assert prefix.name in wreck["message"] and "env remove" in wreck["remedy"]
    assert "2.0 MB" in old["message"] and "`mambench doctor --clean`" in old["remedy"]
    assert small.call("env", "remove", "small").code == 0
    assert small.prefixes() == []


def test_broken_file_of_the_catalogue(house: House):
    house.offer("small", "python")
    (house.home / "environments" / "mine.toml").write_text("title = \n")
    (found,) = findings(house, "--offline")["catalogue"]
    assert found["state"] == "wrong" and "mine.toml" in found["message"]


def test_no_gpu_is_a_note(house: House):
    if shutil.which("nvidia-smi"):
        pytest.skip("this machine has a GPU")
    (found,) = findings(house, "--offline")["GPU"]
    assert found["state"] == "note" and found["remedy"]


def test_looking_takes_no_lock(house: House, server: ChannelServer):
    """The doctor answers while another mambench installs."""
    from standin.server import Fault

    server.faults["*python-3*"] = Fault(bytes_per_second=1e6)
    house.offer("small", "python")
    begun = house.start("env", "create", "small", "--source", "conda", "--channel", server.url, "--yes")
    wait_for(lambda: house.archives())
    assert house.call("doctor", "--offline").seconds < 10
    assert house.call("env", "list").code == 0
    begun.send_signal(signal.SIGINT)
    finish(begun)


def test_port_that_nobody_serves(house: House):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        (found,) = findings(house, "--channel", url)["channel"]
    assert found["state"] == "wrong" and "refused" in found["message"]
