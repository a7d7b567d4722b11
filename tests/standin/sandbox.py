"""A private ROOT, PREFIX and HOME, and short ways to run the stand-in in them."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from standin.install import write_wrapper

PASSED_ON = ("PATH", "LANG", "LC_ALL")
PATIENCE_SECONDS = 20.0


@dataclass(frozen=True)
class Answer:
    """What a run left: exit status, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def text(self) -> str:
        return self.out + self.err


@dataclass(frozen=True)
class Sandbox:
    """Where one test runs, and with which channel, JSON shape and knobs."""

    folder: Path
    channel: str
    shape: str = "release"
    knobs: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()
    root_name: str = "root"
    prefix_name: str = "env"

    @property
    def root(self) -> Path:
        return self.folder / self.root_name

    @property
    def prefix(self) -> Path:
        return self.folder / self.prefix_name

    @property
    def home(self) -> Path:
        return self.folder / "home"

    @property
    def temporary(self) -> Path:
        return self.folder / "tmp"

    @property
    def python(self) -> Path:
        return self.prefix / "bin" / "python"

    def set(self, **variables: str) -> Sandbox:
        return replace(self, variables=(*self.variables, *variables.items()))

    def start(self, arguments: Sequence[str]) -> subprocess.Popen[str]:
        """Start the stand-in in a process group of its own."""
        program = write_wrapper(self.folder / "bin" / "micromamba", shape=self.shape, knobs=self.knobs)
        for folder in (self.home, self.temporary):
            folder.mkdir(exist_ok=True)
        environ = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        environ |= {"HOME": str(self.home), "TMPDIR": str(self.temporary), **dict(self.variables)}
        return subprocess.Popen(
            [str(program), *arguments], env=environ, cwd=self.folder, start_new_session=True, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *arguments: str) -> Answer:
        return finish(self.start(arguments))

    def create_arguments(self, *arguments: str) -> list[str]:
        places = ["-p", str(self.prefix), "-r", str(self.root), "--yes"]
        return ["create", *places, *arguments, "-c", self.channel, "--override-channels"]

    def create(self, *arguments: str) -> Answer:
        return self.run(*self.create_arguments(*arguments))

    def install_lock(self, *lines: str) -> Answer:
        lock = self.folder / "env.lock"
        lock.write_text("\n".join(["@EXPLICIT", *lines, ""]))
        return self.run("create", "-y", "-p", str(self.prefix), "-r", str(self.root), "-f", str(lock))

    def lines_of_lock(self, *specs: str) -> list[str]:
        """Solve, and write down what a dry run says would be linked."""
        linked = self.create("--dry-run", "--json", *specs).json["actions"]["LINK"]
        return [f"{entry['url']}#{entry['sha256']}" for entry in linked]

    def archives(self) -> dict[str, Path]:
        return {path.name: path for path in self.root.glob("pkgs/**/*") if path.name.endswith((".conda", ".bz2"))}


def finish(process: subprocess.Popen[str]) -> Answer:
    out, err = process.communicate(timeout=60)
    return Answer(process.returncode, out, err)


def wait_until(condition: Callable[[], bool]) -> None:
    """Look until something has happened; a test that waits in vain fails here."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)
