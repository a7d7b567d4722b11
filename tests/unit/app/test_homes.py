"""Which homes are refused, and which are used with a word of warning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from mambench.app import homes
from mambench.errors import HomeError
from mambench.frozen import beside
from mambench.system import long_paths, places, resources, trust
from mambench.system.home import Home

LONG = Path("/" + "h" * 150)


def test_a_long_home_is_refused_where_paths_are_limited() -> None:
    assert homes.unsuitable(LONG, "win-64", path_limit=None) is None
    problem = homes.unsuitable(LONG, "win-64", path_limit=259)
    assert problem is not None
    assert "151 characters" in problem.message


ON_WINDOWS = sys.platform == "win32"
"""Each system has its own folders that are synced."""


def test_a_home_on_another_machine_is_refused() -> None:
    problem = homes.unsuitable(Path("/h"), "win-64", path_limit=None, remote=True)
    assert problem is not None
    assert "network drive" in problem.message


def test_a_prefix_must_fit_into_conda_packages() -> None:
    assert homes.unsuitable(Path("/" + "h" * 250), "linux-64", path_limit=None) is not None
    assert homes.unsuitable(LONG, "linux-64", path_limit=None) is None


def test_a_synced_home_that_was_named_is_used_and_told() -> None:
    folder = Path("/Users/j/OneDrive/x" if ON_WINDOWS else "/Users/j/Library/CloudStorage/OneDrive-Firm/x")
    home = homes.home_from(str(folder), {})
    assert home.root == folder.absolute()
    assert "synced by OneDrive" in home.note
    assert homes.home_from("/Users/j/x", {}).note == ""


@pytest.mark.parametrize("unfit", ["synced", "remote", "long"])
def test_beside_a_program_in_an_unfit_folder_there_is_no_home(
    unfit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced, service = ("OneDrive", "OneDrive") if ON_WINDOWS else ("Library/CloudStorage/Dropbox", "Dropbox")
    folder = tmp_path / {"synced": synced, "long": "l" * 100, "remote": "x"}[unfit]
    folder.mkdir(parents=True)
    monkeypatch.setattr(resources, "is_frozen", lambda: True)
    monkeypatch.setattr(beside.sys, "executable", str(folder / "mambench"))
    monkeypatch.setattr(places, "is_remote", lambda _folder: unfit == "remote")
    monkeypatch.setattr(long_paths, "longest", lambda: 259 if unfit == "long" else None)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    home = homes.home_from(None, {})
    assert folder not in home.root.parents
    words = {"synced": f"synced by {service}", "remote": "network drive", "long": "too long"}
    assert words[unfit] in home.note
    assert "your data folder" in home.note


def of_rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, changeable: str, root: bool, stranger: bool) -> Home:
    """A home with a kernel, one path of which all may change; `stranger` says whether it is somebody else's."""
    home = Home(tmp_path / "home")
    kernel = home.user_benchmarks / "matmul" / "kernel.py"
    kernel.parent.mkdir(parents=True)
    kernel.write_text("")
    home.code.mkdir()
    for path in (home.root, *home.root.rglob("*")):
        path.chmod(0o755)
    if changeable:
        (home.root / changeable).chmod(0o777)
    owner = home.root.stat().st_uid
    monkeypatch.setattr(trust.os, "getuid", lambda: owner + 1 if stranger else owner)
    monkeypatch.setattr(trust.os, "geteuid", lambda: 0 if root else 1000)
    if stranger and owner == 0:
        real = Path.lstat
        monkeypatch.setattr(Path, "lstat", lambda path: os.stat_result((*real(path)[:4], 1234, *real(path)[5:])))
    return home


RIGHTS = pytest.mark.skipif(os.name != "posix", reason="Windows keeps homes in a folder of the user")
CHANGEABLE = [".", "benchmarks", "benchmarks/matmul/kernel.py", "code"]


@RIGHTS
@pytest.mark.parametrize("changeable", CHANGEABLE)
def test_root_runs_nothing_that_another_may_have_planted(
    changeable: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = of_rights(tmp_path, monkeypatch, changeable=changeable, root=True, stranger=True)
    with pytest.raises(HomeError, match="as root") as caught:
        homes.require_safe(home, pytest.fail)
    assert str(home.root / changeable) in str(caught.value)
    assert "--home" in caught.value.remedy


@RIGHTS
@pytest.mark.parametrize("changeable", CHANGEABLE)
@pytest.mark.parametrize(("root", "stranger"), [(True, False), (False, True), (False, False)])
def test_others_are_warned_of_what_all_may_change(
    changeable: str, root: bool, stranger: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = of_rights(tmp_path, monkeypatch, changeable=changeable, root=root, stranger=stranger)
    said: list[str] = []
    homes.require_safe(home, said.append)
    (line,) = said
    assert str(home.root / changeable) in line and "chmod" in line


@RIGHTS
@pytest.mark.parametrize(("root", "stranger"), [(True, False), (False, True), (False, False)])
def test_of_a_home_that_nobody_else_may_change_nothing_is_said(
    root: bool, stranger: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes.require_safe(of_rights(tmp_path, monkeypatch, changeable="", root=root, stranger=stranger), pytest.fail)


@RIGHTS
def test_root_is_told_whose_code_it_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    homes.require_safe(of_rights(tmp_path, monkeypatch, changeable="", root=True, stranger=True), said.append)
    assert "as root" in said[0]
