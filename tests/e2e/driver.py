"""Drives the program as a person or a script does: its command line in a process of its own, with real workers.

Homes lie in the test's folder and hold a benchmark of toy kernels, run by the python that runs the tests: nothing
is downloaded. `MAMBENCH_TEST_PROGRAM` names another program to test, such as the frozen one.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from reports import valid

ROOT = Path(__file__).resolve().parents[2]
KERNELS = Path(__file__).with_name("kernels")
MARK = "LC_E2E"
"""Reaches every child: the launcher's allow-list lets LC_* through."""

PATIENCE_SECONDS = 60.0
"""A machine under load is slow, not wrong."""


@dataclass(frozen=True)
class Done:
    """How the program ended and what it printed."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def text(self) -> str:
        """All of it."""
        return self.out + self.err


class Started:
    """The program at work."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def signal(self, number: int) -> None:
        """To the program alone, not to its group."""
        self.process.send_signal(number)

    def end(self, *, seconds: float = PATIENCE_SECONDS) -> Done:
        """Wait for it, so long at most."""
        begin = time.monotonic()
        out, err = self.process.communicate(timeout=seconds)
        return Done(self.process.returncode, _text(out), _text(err), time.monotonic() - begin)

    def stop(self, number: int) -> Done:
        """Send a signal; the seconds are those from there to the exit."""
        self.signal(number)
        return self.end()


class Bench:
    """A home, the person's own folders, and the program."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "mambench home"
        self.user, self.cwd, self.temporary = folder / "user", folder / "cwd", folder / "temporary"
        for each in (self.user, self.cwd, self.temporary):
            each.mkdir()
        self.mark = secrets.token_hex(8)
        self.environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.user),
            "TMPDIR": str(self.temporary),
            "LANG": "C.UTF-8",
            MARK: self.mark,
            "TOY_DEAF": str(self.home / "deaf"),
            "MAMBENCH_OTHER_HOMES": "ignore",
        }
        if sys.platform == "win32":
            needed = ("SYSTEMROOT", "COMSPEC", "PATHEXT", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE")
            self.environ |= {name: os.environ[name] for name in needed if name in os.environ}
            self.environ |= {"TEMP": str(self.temporary), "TMP": str(self.temporary), "USERPROFILE": str(self.user)}
            self.environ["LOCALAPPDATA"] = str(self.user)
        self.started: list[Started] = []

    # ------------------------------------------------------------------------------------------ what is in it

    def install(self, *kernels: str, into: Path | None = None) -> None:
        """Make a benchmark of these toy kernels, in this order; each is a row of `--python`."""
        benchmark = (into or self.home) / "benchmarks" / "matmul"
        benchmark.mkdir(parents=True, exist_ok=True)
        lines = ['title = "toys"', "[kernels]"]
        for name in kernels:
            lines.append(f'{name} = {{ file = "{name}.py", module = "numpy", devices = ["cpu"] }}')
        (benchmark / "benchmark.toml").write_text("\n".join(lines) + "\n")
        for name in {"clean", *kernels}:
            shutil.copy(KERNELS / f"{name}.py", benchmark)

    def offer_package(self, *, uv: str = "") -> None:
        """A stack `toy` whose only package lies in a folder; `uv` is shell text run before the real uv."""
        wheels = self.home.parent / "wheels"
        wheels.mkdir(exist_ok=True)
        info = "toy_stack-1.0.dist-info"
        with zipfile.ZipFile(wheels / "toy_stack-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr("toy_stack.py", "")
            wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: toy-stack\nVersion: 1.0\n")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in [*wheel.namelist(), f"{info}/RECORD"]))
        folder = self.home / "environments"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "toy.toml").write_text(
            'title = "toy"\nkernel = "clean"\ndevices = ["cpu"]\n'
            'platforms = ["linux-64", "linux-aarch64", "osx-64", "osx-arm64"]\n'
            '[pypi]\npython = ">=3.9,<3.20"\npackages = ["toy-stack==1.0"]\n'
        )
        self.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
        if uv:
            script = self.home.parent / "uv"
            script.write_text(f'#!/bin/sh\n{uv}\nexec "{real_uv()}" "$@"\n')
            script.chmod(0o755)
            self.environ["MAMBENCH_UV"] = str(script)

    def slow_down(self, *, save: int, seconds: float = 30.0) -> Path:
        """Make the launcher's `save`-th fsync take so long; gives the file that appears when it begins."""
        folder, begun = self.home.parent / "slow", self.home.parent / "saving"
        folder.mkdir(exist_ok=True)
        (folder / "sitecustomize.py").write_text(
            "import os, time\n"
            "calls, real = [], os.fsync\n"
            "def slow(descriptor):\n"
            "    calls.append(descriptor)\n"
            f"    if len(calls) == {save}:\n"
            f"        open({str(begun)!r}, 'w').close()\n"
            f"        time.sleep({seconds})\n"
            "    real(descriptor)\n"
            "os.fsync = slow\n"
        )
        self.environ["PYTHONPATH"] = str(folder)
        return begun

    # ------------------------------------------------------------------------------------------------ running

    def words(self, *words: str, python: str | None = "toys", home: Path | None = None) -> list[str]:
        """`mambench run` on the test's python, small and quick."""
        every = [*program(), "run", "--home", str(home or self.home), "--preset", "quick"]
        if "--size" not in words:
            every += ["--size", "128"]
        if "--dtype" not in words:
            every += ["--dtype", "float64"]
        if python is not None:
            every += ["--python", f"{python}={sys.executable}"]
        return [*every, *words]

    def begin(
        self, command: Sequence[str], *, environ: Mapping[str, str | None] | None = None, **options: Any
    ) -> Started:
        """Start a command; a variable of None is taken away."""
        changed = {**self.environ, **(environ or {})}
        kept = {name: value for name, value in changed.items() if value is not None}
        pipe = subprocess.PIPE
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe}
        process = subprocess.Popen(
            list(command),
            env=kept,
            **{"cwd": self.cwd, **_apart(), **streams, **options},
        )
        self.started.append(Started(process))
        return self.started[-1]

    def start(self, *words: str, **options: Any) -> Started:
        """`mambench run` as in `words`."""
        return self.begin(self.words(*words), **options)

    def run(self, *words: str, **options: Any) -> Done:
        """The same, to its end."""
        return self.begin(self.words(*words), **options).end()

    def call(self, *words: str, **options: Any) -> Done:
        """Any command of the program, in this home."""
        return self.begin([*program(), *words, "--home", str(self.home)], **options).end()

    # ---------------------------------------------------------------------------------------------- afterwards

    def reports(self) -> list[dict[str, Any]]:
        """Every report in the home, oldest first, each validated; a killed run's is completed by any command."""
        if list((self.home / "results").glob("*.journal")):
            assert self.call("info").code == 0
        files = sorted((self.home / "results").glob("*.json"), key=lambda file: file.stat().st_mtime_ns)
        return [valid(file.read_text(encoding="utf-8")) for file in files]

    def report(self) -> dict[str, Any]:
        """The only one."""
        (found,) = self.reports()
        return found

    def living(self) -> list[psutil.Process]:
        """The processes that descend from a program of this test, its guard included."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def wait_until_alone(self, seconds: float = 3.0) -> float:
        """Wait for the last process to go and give how long that took; fails after so many seconds."""
        begin = time.monotonic()
        while found := self.living():
            if time.monotonic() - begin > seconds:
                raise AssertionError(f"still alive after {seconds} s: {[_told(each) for each in found]}")
            time.sleep(0.02)
        return time.monotonic() - begin

    def wait_for_deaf_worker(self) -> None:
        """Wait until the kernel `hangs_in_c` has the interpreter lock for good."""
        wait_for(self.home / "deaf")
        time.sleep(0.2)

    def end_all(self) -> None:
        """Leave nothing behind, whatever the test found."""
        for each in self.started:
            if each.process.poll() is None:
                each.process.kill()
                each.process.wait()
            for stream in (each.process.stdout, each.process.stderr):
                if stream is not None:
                    stream.close()
        for process in self.living():
            process.kill()


def program() -> list[str]:
    """The command under test."""
    named = os.environ.get("MAMBENCH_TEST_PROGRAM")
    if named:
        return [named]
    script = Path(sys.executable).with_name("mambench")
    return [str(script)] if script.exists() else [sys.executable, "-m", "mambench"]


def real_uv() -> str:
    """uv, or the test is skipped."""
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if found is None:
        pytest.skip("uv is not here")
    return found


def wait_for(there: Callable[[], object] | Path, *, seconds: float = 20.0) -> None:
    """Wait until a file exists or something is true."""
    begin = time.monotonic()
    while not (there.exists() if isinstance(there, Path) else there()):
        assert time.monotonic() - begin < seconds, f"{there} did not come"
        time.sleep(0.01)


def no_traceback(done: Done) -> None:
    """What is shown to a person is for a person."""
    for word in ("Traceback", "Exception ignored", "a fault of its own", "Fatal Python"):
        assert word not in done.text, done.text


def told_in_plain_words(done: Done) -> None:
    """One line of what, one of what to do."""
    no_traceback(done)
    lines = done.err.splitlines()
    what = [number for number, line in enumerate(lines) if line.startswith("mambench: ")]
    assert len(what) == 1, done.err
    assert lines[what[0] + 1 :], done.err


def mounted_exfat(folder: Path) -> Iterator[Path]:
    """An exFAT of 64 MB at `folder`, by a process that serves it (FUSE), or the test is skipped: for fixtures."""
    image = folder.with_suffix(".image")
    folder.mkdir()
    image.touch()
    os.truncate(image, 64_000_000)
    device = ""
    try:
        for command in (["mkfs.exfat", str(image)], ["losetup", "-f", "--show", str(image)]):
            device = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
        subprocess.run(["mount.exfat-fuse", device, str(folder)], check=True, capture_output=True)
        yield folder
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this user may not mount an exFAT, or exfat-fuse and exfatprogs are not here")
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=False, capture_output=True)
        if device.startswith("/dev/"):
            subprocess.run(["losetup", "-d", device], check=False, capture_output=True)


def _apart() -> dict[str, Any]:
    """How Popen keeps the program from the test runner's own signals."""
    if sys.platform == "win32":
        return {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    return {"preexec_fn": _default_signals, "start_new_session": True}


def _default_signals() -> None:
    """Undo what a test runner in the background inherits."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)


def _text(data: bytes | None) -> str:
    return (data or b"").decode("utf-8", "replace")


def _told(process: psutil.Process) -> str:
    try:
        return f"{process.pid} {process.status()} {process.cmdline()}"
    except psutil.Error:
        return f"{process.pid}, gone"
