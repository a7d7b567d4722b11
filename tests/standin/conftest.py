"""A private ROOT, PREFIX and HOME, and short ways to run the stand-in in them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from standin.channel import build_channel
from standin.install import write_wrapper

PATIENCE_SECONDS = 20.0


class Sandbox:
    """Where one test runs, and with which channel, JSON shape and knobs."""

    def __init__(self, folder: Path, channel: str) -> None:
        self.folder, self.channel, self.shape = folder, channel, "release"
        self.knobs: tuple[str, ...] = ()
        self.root, self.prefix, self.home = folder / "root", folder / "env", folder / "home"
        self.temporary = folder / "tmp"
        for each in (self.home, self.temporary):
            each.mkdir()
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(self.home), "TMPDIR": str(self.temporary)}

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the stand-in in a process group of its own."""
        program = write_wrapper(self.folder / "bin" / "micromamba", shape=self.shape, knobs=self.knobs)
        return subprocess.Popen(
            [program, *arguments], env=self.environ, cwd=self.folder, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def words(self, *arguments: str) -> list[str]:
        """The command line of a `create`."""
        places = ["-p", str(self.prefix), "-r", str(self.root), "--yes", "--override-channels", "-c", self.channel]
        return ["create", *places, *arguments]

    def create(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return finish(self.start(*self.words(*arguments)))

    def solve(self, *specs: str) -> Any:
        """The document of a dry run."""
        return json.loads(self.create("--dry-run", "--json", *specs).stdout)

    def install(self, *lines: str) -> subprocess.CompletedProcess[str]:
        """From a lock."""
        lock = self.folder / "env.lock"
        lock.write_text("\n".join(["@EXPLICIT", *lines, ""]))
        return finish(self.start("create", "-y", "-p", str(self.prefix), "-r", str(self.root), "-f", str(lock)))


def finish(process: subprocess.Popen[str]) -> subprocess.CompletedProcess[str]:
    """Its end: exit status, standard output and standard error."""
    out, err = process.communicate(timeout=60)
    return subprocess.CompletedProcess([], process.returncode, out, err)


def wait_until(condition: Callable[[], object]) -> None:
    """Look until something has happened; a test that waits in vain fails here."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built channel, kept in MAMBENCH_TEST_CHANNEL_CACHE if that is set."""
    kept = os.environ.get("MAMBENCH_TEST_CHANNEL_CACHE")
    folder = Path(kept) if kept else tmp_path_factory.getbasetemp() / "channel"
    folder.mkdir(parents=True, exist_ok=True)
    return build_channel(folder.resolve())


@pytest.fixture
def box(tmp_path: Path, channel: Path) -> Sandbox:
    return Sandbox(tmp_path, f"file://{channel}")
