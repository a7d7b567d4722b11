"""What nothing needs is given back to the byte, and what is needed stays."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from builders import a_machine
from rich.console import Console

from mambench.app import cleaning
from mambench.app.context import Mambench
from mambench.environments.conda import bootstrap
from mambench.errors import HomeError
from mambench.system import files, resources
from mambench.system.home import Home
from mambench.terminal.console import Terminal

PIN = bootstrap.read_pin(resources.micromamba() / "micromamba.toml", "linux-64").version


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mambench:
    """A home with everything in it; each file has 1000 bytes."""
    terminal = Terminal()
    terminal.messages = terminal.output = Console(file=io.StringIO(), width=80)
    made = Mambench(Home(tmp_path / "home"), environ={}, terminal=terminal)
    monkeypatch.setattr(Mambench, "machine", a_machine())
    made.home.prepare()
    for path in (*needed(made.home), *unneeded(made.home)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(1000))
    base = made.home.tools / "pythons" / "cpython-3.12.7" / "bin" / "python"
    marker = {"digest": "x", "name": "mine", "source": "pypi", "python": "3.12.7", "created": "now"}
    marker |= {"channels": [], "packages": []}
    prefix = made.home.environments / "mine-0123456789"
    (prefix / "mambench-marker.json").write_text(json.dumps({**marker, "base_python": str(base)}))
    shared = made.home.uv_cache / "archive-v0" / "0123" / "shared"
    shared.parent.mkdir(parents=True)
    os.link(prefix / "lib" / "shared", shared)
    return made


def needed(home: Home) -> list[Path]:
    return [
        home.environments / "mine-0123456789" / "lib" / "shared",
        home.environments / "mine-0123456789.lock",
        home.tools / "pythons" / "cpython-3.12.7" / "bin" / "python",
        home.tools / f"micromamba-{PIN}" / "micromamba",
        home.results / "a.json",
        home.logs / "a.log",
        home.user_benchmarks / "own" / "kernel_numpy.py",
        home.root / "of-the-user.txt",
    ]


def unneeded(home: Home) -> list[Path]:
    return [
        home.environments / "unfinished-0123456789" / "lib" / "half",
        home.environments / "gone-0123456789.lock",
        home.environments / ".mine-0123456789.lock-x.mambench-part",
        home.tools / "pythons" / "cpython-3.11.9" / "bin" / "python",
        home.tools / "micromamba-1.5.8" / "micromamba",
        home.uv_cache / ".tmpAbCd" / "half",
        home.uv_cache / "archive-v0" / "4567" / "unshared",
        home.package_cache / "https" / "half.conda",
        home.private / "cache" / "cuda" / "kernel",
        home.code / "worker-0123456789" / "worker.py",
        home.temporary / "left" / "file",
    ]


def test_every_byte_that_nothing_needs_is_given_back_and_told(app: Mambench) -> None:
    before = files.tree_bytes(app.home.root)
    freed = cleaning.clean(app)
    assert freed == 1000 * len(unneeded(app.home))
    assert before - files.tree_bytes(app.home.root) == freed
    assert [path for path in unneeded(app.home) if path.exists()] == []
    assert [path for path in needed(app.home) if not path.exists()] == []
    assert cleaning.clean(app) == 0


def test_a_home_in_which_another_works_is_left_alone(app: Mambench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mambench.system.presence._others", lambda _folder: True)
    with pytest.raises(HomeError, match="another mambench is at work"):
        cleaning.clean(app)
    assert all(path.exists() for path in unneeded(app.home))
