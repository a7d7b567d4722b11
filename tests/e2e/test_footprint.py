"""Nothing outside the home changes."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import pytest

from e2e.driver import Bench, program

pytestmark = pytest.mark.promise("contained")

OPENED_FOR_WRITING = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC")
CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')


def listing(*folders: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below the folders, with mode, size and time of change."""
    found = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


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


@pytest.mark.long
@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")
def test_no_system_call_writes_outside_the_home(alone: Bench, tmp_path):
    alone.offer_package()
    alone.install("clean", "prints")
    traces = tmp_path / "traces"
    traces.mkdir()
    calls = "openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,link,linkat,symlink,symlinkat"
    strace = ["strace", "-f", "-qq", "-s", "4096", "-e", f"trace={calls},chmod,fchmodat,truncate,rmdir,utimensat"]
    for number, command in enumerate(
        ([*program(), "env", "create", "toy", "--yes", "--home", str(alone.home)], alone.words("--rounds", "2"))
    ):
        done = alone.begin([*strace, "-o", str(traces / str(number)), *command]).end()
        assert done.code == 0, done.text
    outside = [line for file in traces.iterdir() for line in written_outside(file, alone)]
    assert outside == []


def written_outside(trace: Path, bench: Bench) -> list[str]:
    """The successful calls of a trace that change something outside the home."""
    allowed = (str(bench.home), "/dev/", "/proc/self/", f"/proc/{os.getpid()}")
    found = []
    for line in trace.read_text(errors="replace").splitlines():
        match = CALL.search(line)
        if match is None or int(match[3]) < 0:
            continue
        name, arguments, _ = match.groups()
        if name in ("open", "openat") and not OPENED_FOR_WRITING.search(arguments):
            continue
        paths = [text.encode().decode("unicode_escape") for text in QUOTED.findall(arguments)]
        if name in ("symlink", "symlinkat", "link", "linkat"):
            paths = paths[-1:]
        if any(path.startswith("/") and not path.startswith(allowed) for path in paths):
            found.append(line)
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="needs /proc")
def test_the_detector_of_writes_sees_one(bench: Bench, tmp_path):
    trace = tmp_path / "trace"
    trace.write_text(
        f'1 openat(AT_FDCWD, "{bench.home}/a", O_WRONLY|O_CREAT, 0666) = 3\n'
        '1 openat(AT_FDCWD, "/etc/x", O_RDONLY|O_CLOEXEC) = 3\n'
        '1 mkdir("/somewhere/else", 0777) = -1 EEXIST (File exists)\n'
        '1 rename("/somewhere/a", "/somewhere/b") = 0\n'
    )
    assert written_outside(trace, bench) == ['1 rename("/somewhere/a", "/somewhere/b") = 0']
