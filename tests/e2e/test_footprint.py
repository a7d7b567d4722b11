"""Nothing outside the home changes."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from e2e.driver import Bench, program, wait_for
from footprint import changed_outside, listing, needs_strace, traced

pytestmark = pytest.mark.promise("contained")

NO_BYTECODE = {"PYTHONDONTWRITEBYTECODE": "1"}
"""Of mambench itself, whose byte code a tree under test lacks at first; no python of an environment sees it."""


def everything(bench: Bench) -> None:
    """Each kind of command that touches files."""
    bench.offer_package()
    bench.install("clean", "prints", "raises", "aborts")
    for words in (
        ["list"],
        ["info"],
        ["env", "create", "toy", "--yes"],
        ["env", "list"],
        ["env", "remove", "toy"],
    ):
        assert bench.call(*words).code == 0
    assert bench.call("run", "no-such-stack").code == 2
    assert bench.run("--rounds", "2").code == 4


def test_only_the_home_changes(alone: Bench):
    package = Path(__file__).resolve().parents[2]
    folders = (alone.user, alone.temporary, alone.cwd, package / "resources")
    before = listing(*folders)
    everything(alone)
    assert listing(*folders) == before
    assert (alone.home / "results").is_dir()


def test_looking_makes_no_home(alone: Bench):
    shutil.rmtree(alone.home)
    for words in (["list"], ["info"], ["env", "list"], ["list", "--json"]):
        assert alone.call(*words).code == 0
    assert not alone.home.exists()


def test_removed_it_was_never_there(alone: Bench):
    everything(alone)
    shutil.rmtree(alone.home)
    assert sorted(each.name for each in alone.home.parent.iterdir()) == ["cwd", "temporary", "user", "wheels"]


@pytest.mark.skipif(sys.platform != "linux", reason="needs /dev/shm")
@pytest.mark.parametrize("killed", [False, True])
def test_what_openmp_leaves_in_shared_memory_is_removed(alone: Bench, killed):
    alone.install("leaves_memory")
    before, here = set(Path("/dev/shm").iterdir()), alone.home.parent / "here"
    begun = alone.start(environ={"TOY_MARK": str(here) if killed else None})
    if killed:
        wait_for(here)
        assert shared_since(before)
        begun.stop(signal.SIGKILL)
        alone.wait_until_alone()
    else:
        assert begun.end().code == 0
    assert shared_since(before) == set()


def shared_since(before: set[Path]) -> set[Path]:
    """What OpenMP has left by now."""
    return set(Path("/dev/shm").glob("__KMP_*")) - before


@needs_strace
def test_no_system_call_writes_outside_the_home(alone: Bench, tmp_path):
    alone.offer_package()
    alone.install("clean", "prints")
    for number, command in enumerate(
        ([*program(), "env", "create", "toy", "--yes", "--home", str(alone.home)], alone.words("--rounds", "2"))
    ):
        traces = tmp_path / f"traces {number}"
        done = alone.begin(traced(command, traces), environ=NO_BYTECODE).end()
        assert done.code == 0, done.text
        assert changed_outside(traces, alone.home, cwd=alone.cwd) == []


@pytest.mark.long
@pytest.mark.timeout(1800)
@needs_strace
@pytest.mark.parametrize("stack", ["numpy-openblas", "torch-cpu", "tensorflow-cpu", "jax-cpu", "blas-mkl"])
def test_no_framework_writes_outside_the_home(alone: Bench, tmp_path, stack):
    """Resolved, downloaded, installed and measured, as it comes from the package index."""
    shutil.rmtree(alone.home)
    traces = tmp_path / "traces"
    words = ["--preset", "quick", "--size", "256", "--dtype", "float32", "--source", "pypi", "--yes"]
    command = [*program(), "run", stack, *words, "--home", str(alone.home)]
    own = {"PIP_CONFIG_FILE": str(Path("~/.config/pip/pip.conf").expanduser())}  # a mirror, where one is needed
    done = alone.begin(traced(command, traces), environ=NO_BYTECODE | own).end(seconds=1500)
    assert done.code == 0, done.text
    assert changed_outside(traces, alone.home, cwd=alone.cwd) == []
    assert list(alone.user.iterdir()) == list(alone.temporary.iterdir()) == []


CHANGES = """
import os, socket, sys
os.chdir(sys.argv[1])
here = os.open(".", os.O_RDONLY)
open("made", "w").close()
os.mkdir("folder")
os.mknod("node")
os.link("made", "linked")
os.symlink("nowhere", "link")
os.rename("made", "renamed", src_dir_fd=here, dst_dir_fd=here)
os.chmod("renamed", 0o600)
os.truncate("renamed", 1)
os.utime("renamed")
os.setxattr("renamed", "user.mambench", b"x")
socket.socket(socket.AF_UNIX).bind("socket")
os.fchmod(os.open("renamed", os.O_RDONLY), 0o644)
if os.fork() == 0:
    os.chdir("folder")
    os.mkfifo("fifo")
    os._exit(0)
os.wait()
os.unlink("linked")
"""
CALLS = ["openat", "mkdir", "mknod(at)?", "link", "symlink", "renameat2?", "f?chmod(at2?)?", "truncate", "utimensat",
         "setxattr", "bind", "fchmod", "mknod(at)?", "unlink"]  # fmt: skip


@needs_strace
def test_the_detector_sees_every_kind_of_change(tmp_path):
    (tmp_path / "here").mkdir()
    command = [sys.executable, "-I", "-c", CHANGES, str(tmp_path / "here")]
    environ = {"PATH": os.environ["PATH"]}  # nothing that measures coverage, which would write too
    subprocess.run(traced(command, tmp_path / "traces"), check=True, cwd=tmp_path, env=environ)
    found = changed_outside(tmp_path / "traces", tmp_path / "elsewhere", cwd=tmp_path)
    assert [call for call, line in zip(CALLS, found, strict=True) if not re.match(rf"{call}\(", line)] == [], found
    assert changed_outside(tmp_path / "traces", tmp_path / "here", cwd=tmp_path) == []
