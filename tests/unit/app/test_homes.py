"""Which homes are refused, and which are used with a word of warning."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mambench.app import homes
from mambench.frozen import beside
from mambench.system import long_paths, places, resources

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
