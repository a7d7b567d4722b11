"""A home, a person's own folders, a micromamba and a channel; and the program run among them.

`MAMBENCH_MICROMAMBA` and `MAMBENCH_TEST_CHANNEL` (a folder that `standin.channel` built) put a real micromamba in
the place of the stand-in.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from reports import valid
from standin.install import write_wrapper

ROOT = Path(__file__).resolve().parents[2]
MARK = "LC_HOUSE"
"""Reaches every child: the allow-list lets LC_* through."""

REAL = os.environ.get("MAMBENCH_MICROMAMBA")
PATIENCE_SECONDS = 120.0
STACK = "numpy-openblas"
FROM_SOURCE = (sys.executable, "-m", "mambench")
TRACEBACK = "Traceback (most recent call last)"

needs_standin = pytest.mark.skipif(REAL is not None, reason="it slows or breaks the stand-in by its own options")


@dataclass(frozen=True)
class Done:
    """How the program ended and what it printed."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        """All of it, each run of blanks as one: the terminal wraps lines."""
        return " ".join((self.out + self.err).split())


class House:
    """One test's home and surroundings."""

    def __init__(
        self, folder: Path, channel: Path, *, name: str = "home", program: Sequence[str] = FROM_SOURCE
    ) -> None:
        self.folder, self.channel_folder, self.home, self.program = folder, channel, folder / name, program
        self.user, self.cwd, self.temporary = folder / "user", folder / "cwd", folder / "temporary"
        for each in (self.user, self.cwd, self.temporary):
            each.mkdir(exist_ok=True)
        self.calls_file = folder / "calls"
        self.mark = secrets.token_hex(8)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.user),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            "COLUMNS": "300",
            "MAMBENCH_OTHER_HOMES": "ignore",
            MARK: self.mark,
        }
        self.started: list[subprocess.Popen[str]] = []
        self.use_micromamba()

    # ------------------------------------------------------------------------------------------ what is in it

    @property
    def channel(self) -> str:
        """The channel's address on this disk."""
        return f"file://{self.channel_folder}"

    def use_micromamba(self, *knobs: str, shape: str = "release", before: str = "") -> Path:
        """Name a micromamba that notes its calls; `before` is shell text that runs first."""
        if REAL is None:
            program = write_wrapper(self.folder / "standin" / "micromamba", shape=shape, knobs=knobs)
        else:
            assert not knobs
            program = Path(REAL)
        script = self.folder / "tools" / "micromamba"
        script.parent.mkdir(exist_ok=True)
        calls, run = shlex.quote(str(self.calls_file)), shlex.quote(str(program))
        script.write_text(f'#!/bin/sh\nprintf "%s\\n" "$*" >> {calls}\n{before}\nexec {run} "$@"\n')
        script.chmod(0o755)
        self.environ["MAMBENCH_MICROMAMBA"] = str(script)
        return script

    def calls(self, word: str = "create") -> list[str]:
        """The command lines of micromamba that held `word`."""
        lines = self.calls_file.read_text().splitlines() if self.calls_file.exists() else []
        return [line for line in lines if word in line]

    def installs(self) -> list[str]:
        """Its command lines that made a prefix."""
        return [line for line in self.calls() if "--dry-run" not in line]

    def offer(self, name: str, *packages: str, pypi: Sequence[str] = (), expect: str = "") -> None:
        """A person's own stack for the numpy kernel."""
        folder = self.home / "environments"
        folder.mkdir(parents=True, exist_ok=True)
        lines = ['title = "a test\'s own"', 'kernel = "numpy"', 'devices = ["cpu"]', 'platforms = ["linux-64"]', expect]
        if packages:
            lines += ["[conda]", 'channels = ["conda-forge"]', f"packages = {json.dumps(list(packages))}"]
        if pypi:
            lines += ["[pypi]", 'python = ">=3.11,<3.20"', f"packages = {json.dumps(list(pypi))}"]
        (folder / f"{name}.toml").write_text("\n".join(lines) + "\n")

    # ------------------------------------------------------------------------------------------------ running

    def start(self, *words: str, environ: Mapping[str, str] | None = None, wrapped: Sequence[str] = ()) -> Any:
        """Start the program in this home."""
        process = subprocess.Popen(
            [*wrapped, *self.program, *place_home(words, self.home)],
            env={**self.environ, **(environ or {})},
            cwd=self.cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            preexec_fn=default_signals,
        )
        self.started.append(process)
        return process

    def call(self, *words: str, **options: Any) -> Done:
        """The program, to its end; a traceback on the screen fails the test."""
        return finish(self.start(*words, **options))

    def create(self, *names: str, channel: str | None = None, more: Sequence[str] = ()) -> Done:
        """`env create` from conda."""
        words = ["env", "create", *(names or (STACK,)), "--source", "conda", "--channel", channel or self.channel]
        return self.call(*words, "--yes", *more)

    def run(
        self, *names: str, channel: str | None = None, source: str = "conda", more: Sequence[str] = (), **options: Any
    ) -> Done:
        """`run`, one small row for each stack."""
        return self.call(*self.words(*names, channel=channel, source=source), *more, **options)

    def words(self, *names: str, channel: str | None = None, source: str = "conda") -> list[str]:
        """Those of such a `run`."""
        words = ["run", *(names or (STACK,)), "--source", source, "--channel", channel or self.channel]
        return [*words, "--preset", "quick", "--size", "256", "--dtype", "float64", "--threads", "1", "--yes"]

    # ---------------------------------------------------------------------------------------------- afterwards

    def report(self) -> dict[str, Any]:
        """The newest report, validated."""
        newest = max((self.home / "results").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        return valid(newest.read_text(encoding="utf-8"))

    def row(self) -> dict[str, Any]:
        """The only row of the newest report."""
        (row,) = self.report()["results"]
        return row

    def environment(self) -> dict[str, Any]:
        """The only environment of the newest report."""
        (environment,) = self.report()["environments"].values()
        return environment

    def prefixes(self) -> list[Path]:
        """What lies among the prefixes."""
        folder = self.home / "envs"
        return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []

    def archives(self) -> list[Path]:
        """What lies among the archives."""
        return [path for path in (self.home / "mamba").rglob("*") if path.name.endswith((".conda", ".tar.bz2"))]

    def containing(self, word: str, *folders: Path) -> list[Path]:
        """Files that hold `word`, in the home unless folders are named."""
        files = (file for folder in folders or (self.home,) for file in folder.rglob("*"))
        return [file for file in files if file.is_file() and word.encode() in file.read_bytes()]

    def living(self) -> list[psutil.Process]:
        """The processes that descend from a program of this test, its guard included."""
        found = []
        for process in psutil.process_iter():
            try:
                environ = process.environ()
            except psutil.Error:
                continue
            if environ.get(MARK) == self.mark or ("MAMBENCH_TREE" in environ and str(self.home) in str(environ)):
                found.append(process)
        return found

    def wait_until_alone(self, seconds: float = 3.0) -> None:
        """Wait for the last process to go."""
        deadline = time.monotonic() + seconds
        while found := self.living():
            assert time.monotonic() < deadline, f"still alive: {[told(each) for each in found]}"
            time.sleep(0.02)

    def end_all(self) -> None:
        """Leave nothing behind, whatever the test found."""
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for left in self.living():
            left.kill()


def finish(process: subprocess.Popen[str]) -> Done:
    """Wait for the program."""
    begin = time.monotonic()
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    assert TRACEBACK not in out + err, out + err
    return Done(process.returncode, out, err, time.monotonic() - begin)


def place_home(words: Sequence[str], home: Path) -> list[str]:
    """`--home` before a `--`, after which words belong to somebody else."""
    at = list(words).index("--") if "--" in words else len(words)
    at = 2 if tuple(words[:2]) == ("env", "exec") else at
    return [*words[:at], "--home", str(home), *words[at:]]


def default_signals() -> None:
    """A shell's `&` would leave SIGINT ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def told(process: psutil.Process) -> str:
    """A process in words."""
    try:
        return f"{process.pid} {process.status()} {process.cmdline()}"
    except psutil.Error:
        return f"{process.pid}, gone"


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Look until something has happened."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "nothing happened"
        time.sleep(0.01)


def log_named_in(done: Done) -> Path:
    """The log that an error names."""
    match = re.search(r"log: (\S.*\.log)", done.err)
    assert match is not None, done.err
    return Path(match[1])


def fails(done: Done, house: House, *, why: str, then: str, log: bool = True) -> None:
    """A failed `env create` says why and what to do, names a log that is there, and leaves no prefix."""
    assert done.code == 4, done.text
    assert re.search(why, done.text), done.text
    assert re.search(then, done.text), done.text
    assert not [path for path in house.prefixes() if (path / "mambench-marker.json").exists()]
    assert house.prefixes() == []
    if log:
        assert log_named_in(done).is_file()
        assert log_named_in(done).read_text().strip(), "a log with nothing in it"


def mounted(folder: Path, *, options: str) -> Iterator[Path]:
    """A small file system at `folder`, or the test is skipped: for fixtures."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
