"""What is installed: its sizes, and getting rid of it."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from rich.console import Console

from mambench.app import installed
from mambench.app.context import Mambench
from mambench.errors import HomeError, UsageError
from mambench.system import files
from mambench.system.home import Home
from mambench.terminal.console import Terminal


@pytest.fixture
def app(tmp_path: Path) -> Mambench:
    """A home with two prefixes that share a file with the cache."""
    terminal = Terminal()
    terminal.messages = terminal.output = Console(file=io.StringIO(), width=80)
    made = Mambench(Home(tmp_path / "home"), environ={}, terminal=terminal)
    made.home.prepare()
    shared = made.home.cache / "shared"
    shared.write_bytes(b"0" * 1000)
    for name in ("jax-cpu-0123456789", "numpy-mkl-0123456789"):
        prefix = made.home.environments / name
        prefix.mkdir()
        (prefix / "own").write_bytes(b"0" * 10)
        os.link(shared, prefix / "shared")
    return made


def entries(app: Mambench) -> list[installed.prefix.Found]:
    return [each.entry for each in installed.installed(app.home)]


def test_what_is_shared_is_counted_but_not_freed(app: Mambench) -> None:
    assert [(each.name, each.size_bytes, each.freed_bytes, each.source) for each in installed.installed(app.home)] == [
        ("jax-cpu", 1010, 10, None),
        ("numpy-mkl", 1010, 10, None),
    ]


def test_names_choose_what_is_removed_and_the_rest_stays(app: Mambench) -> None:
    chosen = installed.named(app.home, ["jax-cpu"])
    assert installed.remove(app, chosen, and_caches=False, command="test") == 10
    assert [each.name for each in installed.installed(app.home)] == ["numpy-mkl"]
    assert (app.home.cache / "shared").exists()
    with pytest.raises(UsageError, match="'jax-cpu' is not installed"):
        installed.named(app.home, ["jax-cpu"])


def test_with_the_caches_everything_is_free_again(app: Mambench) -> None:
    assert installed.remove(app, entries(app), and_caches=True, command="test") == 1020
    assert installed.installed(app.home) == [] and installed.caches(app.home) == []


def test_what_cannot_be_removed_is_named(app: Mambench, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    chosen = entries(app)
    monkeypatch.setattr(files, "remove", refuse)
    with pytest.raises(HomeError, match="cannot remove .*: Permission denied"):
        installed.remove(app, chosen, and_caches=False, command="test")
