"""Terminals, and homes with real environments of NumPy and JAX."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from wizard.driver import STACKS, Screen, earlier_report, program


@pytest.fixture
def open_screen(home: Path) -> Iterator[Any]:
    """Give a function that opens a terminal with the program in it, in this test's home."""
    if shutil.which("tmux") is None:
        pytest.skip("tmux is not here")
    opened: list[Screen] = []

    def begin(*words: str, **options: Any) -> Screen:
        opened.append(Screen(*words, **{"home": home, **options}))
        return opened[-1]

    yield begin
    for screen in opened:
        screen.close()


@pytest.fixture
def home() -> Iterator[Path]:
    """An empty home; its path has always the same length, so that screens can be compared."""
    folder = Path(tempfile.mkdtemp(prefix="mambench-", dir="/tmp"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def environments(request: pytest.FixtureRequest) -> Path:
    """The folder of real environments of NumPy and JAX, made once and kept in pytest's cache."""
    given = os.environ.get("MAMBENCH_TEST_HOME")
    home = Path(given) if given else request.config.cache.mkdir("wizard-home")
    words = ["env", "create", *STACKS, "--source", "pypi", "--yes", "--quiet", "--home", str(home)]
    done = subprocess.run([*program(), *words], capture_output=True, text=True, check=False, timeout=280)
    if done.returncode:
        pytest.skip(f"the environments cannot be made here: {done.stderr[-500:]}")
    return home / "envs"


@pytest.fixture
def ready_home(home: Path, environments: Path) -> Path:
    """A home in which NumPy and JAX are ready, and in which speeds were seen before."""
    (home / "envs").mkdir()
    for stack in STACKS:
        for path in environments.glob(f"{stack}-*"):
            (home / "envs" / path.name).symlink_to(path)
    (home / "results").mkdir()
    (home / "results" / "20260101T000000Z-earlier-00000000.json").write_text(json.dumps(earlier_report()))
    return home
