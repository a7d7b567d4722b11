"""The one folder: its paths, and what a run may leave in it."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from builders import names

from mambench.errors import HomeError
from mambench.system import files, presence
from mambench.system.home import Home


def test_every_path_lies_inside_the_home(home: Home) -> None:
    paths = [getattr(home, name) for name in dir(Home) if isinstance(getattr(Home, name), property)]
    assert len(paths) >= 10
    assert all(path.is_relative_to(home.root) and path != home.root for path in paths)
    assert len(set(paths)) == len(paths)


def test_prepare_makes_the_private_folders(home: Home) -> None:
    for folder in ("home", "cache", "config", "data", "state"):
        assert (home.private / folder).is_dir()
    assert home.temporary.is_dir()
    assert names(home.temporary) == []
    home.prepare()


@pytest.mark.parametrize("blocked", ["", "envs", "tmp", "private"])
def test_a_home_that_cannot_be_written_is_told_with_the_way_out(tmp_path: Path, blocked: str) -> None:
    root = tmp_path / "home"
    blocked = Home(root).environments.name if blocked == "envs" else blocked
    (root / blocked).parent.mkdir(exist_ok=True)
    (root / blocked).write_text("in the way")
    with pytest.raises(HomeError, match=re.escape(str(root))) as caught:
        Home(root).prepare()
    assert caught.value.exit_code == 5
    assert "--home" in caught.value.remedy


@pytest.mark.parametrize(
    ("hostname", "shown"),
    [("node-7.cluster", "node-7.cluster"), ("José's PC", "Jos-s-PC"), ("../../etc", "etc"), ("", "unknown")],
)
def test_a_report_is_named_by_time_host_and_run(hostname: str, shown: str) -> None:
    created = datetime(2026, 11, 21, 10, 5, 0, tzinfo=UTC)
    path = Home(Path("h")).report_path(created, hostname, "0123456789abcdef")
    assert path == Path("h/results") / f"20261121T100500Z-{shown}-01234567.json"


def test_a_scratch_folder_is_gone_afterwards(home: Home) -> None:
    with home.scratch() as folder:
        (folder / "x").write_text("x")
        assert folder.parent == home.temporary
    assert names(home.temporary) == []


# -------------------------------------------------------------------------------------- what stopped runs left


def left_in(home: Home) -> list[Path]:
    """One of each kind, a kilobyte each; made as whoever leaves it makes it."""
    prefix = home.environments / "numpy-mkl-0123456789"
    written = [
        *(home.root / "wizard.json", home.environments / "numpy-mkl-0123456789.lock", prefix / "mambench-marker.json"),
        *(prefix / "conda-meta" / "numpy-2.4.6-0.json", home.tools / "micromamba-2.8.1" / "micromamba"),
        *(home.results / "a.json", home.user_benchmarks / "mine" / "kernel_numpy.py"),
    ]
    left = []
    for target in written:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = files.new_file(target)
        os.close(descriptor)
        left.append(Path(name))
    for folder in (home.uv_cache / ".tmpAbCdEf", home.tools / "pythons" / ".temp" / ".tmpX", home.code / ".code-x"):
        folder.mkdir(parents=True)
        left.append(folder / "half")
    left.append(home.temporary / "mambaf123")
    for path in left:
        path.write_bytes(bytes(1000))
    return left


def needed_in(home: Home) -> list[Path]:
    """What looks alike."""
    needed = [
        home.root / ".hidden",
        home.environments / "numpy-mkl-0123456789" / ".condarc",
        home.uv_cache / ".gitignore",
        home.tools / "pythons" / ".lock",
        home.results / "a.json",
    ]
    for path in needed:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    return needed


def test_what_stopped_runs_left_is_deleted_at_once_where_nobody_else_is_at_work(home: Home) -> None:
    left, needed = left_in(home), needed_in(home)
    assert home.sweep() == 1000 * len(left)
    assert [path for path in left if path.exists()] == []
    assert [path for path in needed if not path.exists()] == []
    assert home.sweep() == 0


def test_beside_another_mambench_only_what_is_a_day_old_is_deleted(home: Home) -> None:
    left = left_in(home)
    os.utime(left[0], (0, 0))
    with at_work(home):
        assert home.sweep() == 1000
    assert [path.exists() for path in left] == [False, *[True] * (len(left) - 1)]
    assert home.sweep() == 1000 * (len(left) - 1)


def test_one_that_was_killed_is_at_work_no_more(home: Home) -> None:
    with at_work(home) as other:
        with presence.alone(home.mutexes) as alone:
            assert not alone
        other.kill()
        other.wait()
        with presence.alone(home.mutexes) as alone:
            assert alone
    assert len(list(home.mutexes.glob("*.present"))) == 1  # our own


@contextlib.contextmanager
def at_work(home: Home) -> Iterator[Any]:
    """Another process that has prepared this home."""
    script = "import sys; from pathlib import Path; from mambench.system.home import Home\n"
    script += "Home(Path(sys.argv[1])).prepare(); print('ready', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(home.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        assert process.stdout.readline().strip() == b"ready"
        yield process
        process.stdin.close()


def test_who_leaves_takes_its_sign_along(home: Home) -> None:
    with at_work(home):
        pass
    assert len(list(home.mutexes.glob("*.present"))) == 1
