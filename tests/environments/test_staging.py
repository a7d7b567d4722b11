"""`run --stage`: workers run from copies on a disk of this computer, which are gone however the run ends."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.house import House, finish, mounted, wait_for
from standin.channel import NUMPY_VERSION

KERNEL = '''
"""An honest product that tells what its process has mapped, and waits in its first run if it is to."""

import os
import runpy
import sys
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def run(state):
    clean["run"](state)
    if "LC_MARK" in os.environ:
        Path(os.environ["LC_MARK"]).touch()
        time.sleep(60)


def facts(state):
    lines = [line.split(None, 5) for line in Path("/proc/self/maps").read_text().splitlines()]
    mapped = sorted({line[5] for line in lines if len(line) == 6 and line[5].startswith("/")})
    modules = [getattr(module, "__file__", None) or "" for module in list(sys.modules.values())]
    return {**clean["facts"](state), "prefix": sys.prefix, "mapped": mapped, "modules": sorted(modules)}
'''


@pytest.fixture
def told(house: House) -> House:
    """Its kernel tells what it was loaded from."""
    folder = house.home / "benchmarks" / "matmul"
    folder.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[1] / "e2e" / "kernels" / "clean.py", folder)
    (folder / "telling.py").write_text(KERNEL)
    (folder / "benchmark.toml").write_text(
        'title = "toy"\n[kernels]\nnumpy = { file = "telling.py", module = "numpy", devices = ["cpu"] }\n'
    )
    return house


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """As /tmp: anybody may write there."""
    made = tmp_path / "the node's disk"
    made.mkdir()
    made.chmod(0o777 | stat.S_ISVTX)
    return made


def loaded(house: House) -> tuple[str, list[str]]:
    """The prefix of the only row's worker, and every file that it had loaded."""
    row = house.row()
    assert (row["status"], row["verified"]) == ("ok", True), row
    facts = row["rounds"][0]["facts"]
    return facts["prefix"], [*facts["mapped"], *facts["modules"]]


@pytest.mark.parametrize("source", ["conda", "pypi"])
def test_all_that_a_worker_loads_is_from_the_copy(told: House, channel: Path, disk: Path, source: str):
    told.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(channel / "wheels")}
    told.offer("small", "python", f"numpy={NUMPY_VERSION}", "libblas=*=*openblas", pypi=[f"numpy=={NUMPY_VERSION}"])
    done = told.run("small", source=source, more=["--stage", str(disk)])
    assert done.code == 0, done.text
    (prefix,) = told.prefixes()
    own = disk / f"mambench-{os.getuid()}-{told.report()['run_id'][:8]}"
    assert f"small: copying to {own}" in done.text
    at, files = loaded(told)
    assert at == str(own / prefix.name)
    assert any("openblas" in name and name.startswith(at) for name in files), files
    assert [name for name in files if name.startswith(str(told.home / "envs"))] == []
    assert list(disk.iterdir()) == []
    assert told.report()["settings"]["staged"] is True
    assert told.call("env", "check", "small").code == 0


def test_a_copy_is_made_of_a_prefix_that_nobody_may_write_to(told: House, disk: Path):
    assert told.create().code == 0
    (prefix,) = told.prefixes()
    every = [path for path in (prefix, *prefix.rglob("*")) if not path.is_symlink()]
    for path in every:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        done = told.run(more=["--stage", str(disk)])
        assert done.code == 0, done.text
        assert loaded(told)[0].startswith(str(disk))
        assert list(disk.iterdir()) == []
    finally:
        for path in every:
            path.chmod(path.stat().st_mode | 0o200)


def test_without_it_a_worker_runs_from_the_home(told: House):
    assert told.run().code == 0
    assert loaded(told)[0] == str(told.prefixes()[0])
    assert "staged" not in told.report()["settings"]


@pytest.mark.parametrize(("name", "code"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_the_copies_are_gone_after_a_signal(told: House, disk: Path, tmp_path: Path, name: str, code: int):
    assert told.create().code == 0
    mark = tmp_path / "mark"
    begun = told.start(*told.words(), "--stage", str(disk), environ={"LC_MARK": str(mark)})
    wait_for(lambda: mark.exists() or begun.poll() is not None)
    assert [path.name.startswith(f"mambench-{os.getuid()}-") for path in disk.iterdir()] == [True]
    begun.send_signal(getattr(signal, name))
    done = finish(begun)
    assert done.code == code, done.text
    assert list(disk.iterdir()) == []


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_while_it_copies_leaves_nothing(told: House, disk: Path, name: str):
    assert told.create().code == 0
    with (told.prefixes()[0] / "large").open("wb") as stream:
        stream.truncate(2_000_000_000)
    begun = told.start(*told.words(), "--stage", str(disk))
    wait_for(lambda: list(disk.glob("*/*/large")) or begun.poll() is not None)
    begun.send_signal(getattr(signal, name))
    done = finish(begun)
    assert done.code in (130, 143), done.text
    assert list(disk.iterdir()) == []


def test_of_a_run_that_was_killed_the_next_a_day_later_removes_the_copies(told: House, disk: Path, tmp_path: Path):
    assert told.create().code == 0
    mark = tmp_path / "mark"
    begun = told.start(*told.words(), "--stage", str(disk), environ={"LC_MARK": str(mark)})
    wait_for(lambda: mark.exists() or begun.poll() is not None)
    begun.kill()
    begun.communicate()
    told.wait_until_alone()
    (left,) = disk.iterdir()
    assert told.run(more=["--stage", str(disk)]).code == 0
    assert list(disk.iterdir()) == [left]
    os.utime(left, (0, 0))
    assert told.run(more=["--stage", str(disk)]).code == 0
    assert list(disk.iterdir()) == []


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk on which no environment fits."""
    yield from mounted(tmp_path / "small", options="size=3m")


def test_a_disk_that_is_too_small_is_a_plain_sentence(told: House, small: Path):
    done = told.run(more=["--stage", str(small)])
    assert done.code == 3, done.text
    row = told.row()
    assert (row["status"], row["failure"]["reason"]) == ("failed", "provision")
    assert f"and {small} has 3 MB free" in row["failure"]["message"], row["failure"]
    assert "name another --stage DIR, or leave it out" in row["failure"]["message"]
    assert list(small.iterdir()) == []


@pytest.fixture
def without_programs(tmp_path: Path) -> Iterator[Path]:
    yield from mounted(tmp_path / "noexec", options="size=300m,noexec")


def test_a_disk_without_programs_is_refused_before_anything_is_made(told: House, without_programs: Path):
    done = told.run(more=["--stage", str(without_programs)])
    assert done.code == 2 and "noexec" in done.text
    assert told.prefixes() == []


def test_a_folder_that_is_not_there_is_refused_before_anything_is_made(told: House, disk: Path):
    done = told.run(more=["--stage", str(disk / "nowhere")])
    assert done.code == 2 and "there is no such folder on this computer" in done.text
    assert told.prefixes() == []


def test_a_link_named_like_a_runs_folder_is_never_followed(told: House, disk: Path, tmp_path: Path):
    """Run by run the names are others: a link that was planted for one of them is left alone by all."""
    victim = tmp_path / "victim"
    victim.mkdir()
    (victim / "precious").touch()
    planted = disk / f"mambench-{os.getuid()}-01234567"
    planted.symlink_to(victim)
    os.utime(planted, (0, 0), follow_symlinks=False)
    os.utime(victim, (0, 0))
    done = told.run(more=["--stage", str(disk)])
    assert done.code == 0, done.text
    assert list(disk.iterdir()) == [planted] and [path.name for path in victim.iterdir()] == ["precious"]


def test_a_python_that_the_user_has_is_not_copied(told: House, disk: Path):
    done = told.call("run", "--python", f"mine={sys.executable}", "--stage", str(disk), "--preset", "quick",
                     "--size", "256", "--dtype", "float64", "--threads", "1")  # fmt: skip
    assert done.code == 0, done.text
    assert "copying" not in done.text and loaded(told)[0] == sys.prefix
    assert list(disk.iterdir()) == []
