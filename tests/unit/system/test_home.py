"""The one folder: its paths, and what a run may leave in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from builders import names

from mambench.errors import HomeError
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
