"""A Windows computer to test on: wine, a Windows CPython, and this project installed into it as a user does."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
KIT = Path(__file__).with_name("kit")
PROGRAMS = Path(__file__).with_name("programs")
FOLDER = ROOT / "build" / "windows"
"""Kept from run to run; the kit's scripts know what is out of date."""

REQUIREMENTS = ("pytest", "pytest-timeout", "jsonschema", "numpy", "pyyaml")
"""What the tests that run under wine import, beside the program."""

PATIENCE_SECONDS = 240.0
"""A machine under load is slow, not wrong."""

_MISSING = 77
_ASIDE = (
    "PYTHONPATH", "PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG",
    "MAMBENCH_TEST_PYTHONS", "MAMBENCH_TEST_HOME",
)  # fmt: skip
"""Variables of the Linux python that runs the tests: they, and the Linux pythons that they name, mean nothing there."""


class PartMissing(Exception):
    """What the kit needs and this machine lacks."""


@dataclass(frozen=True)
class Done:
    """How a program ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it, as one line: tables break lines where they like."""
        return " ".join((self.out + self.err).split())


class Computer:
    """The computer in `folder`."""

    def __init__(self, folder: Path = FOLDER) -> None:
        self.folder = folder

    @property
    def python(self) -> str:
        """Its python, by the name that Windows has for it."""
        return windows_path(self.folder / "python" / "python.exe")

    @property
    def drive(self) -> Path:
        """Its drive C:."""
        return self.folder / "prefix" / "drive_c"

    def linux_path(self, path: str) -> Path:
        r"""Where C:\... lies for us."""
        return self.drive.joinpath(*PureWindowsPath(path).parts[1:])

    def set_up(self, *, extra: str = "") -> None:
        """Make the python and install the project, where that is not done. Raises PartMissing."""
        self._script("setup.sh", str(self.folder))
        self._script("install.sh", str(self.folder), f"{ROOT}{extra}", *REQUIREMENTS)

    def _script(self, name: str, *words: str) -> None:
        environ = {**os.environ, "LINUX_PYTHON": sys.executable}
        done = subprocess.run([str(KIT / name), *words], env=environ, capture_output=True, text=True, check=False)
        if done.returncode == _MISSING:
            raise PartMissing(done.stderr.strip())
        if done.returncode != 0:
            raise RuntimeError(f"{name} failed with exit code {done.returncode}:\n{done.stdout}{done.stderr}")

    def start(self, *words: str, environ: Mapping[str, str] | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Run python.exe with these words, or `--run PROGRAM ...`."""
        kept = {name: value for name, value in os.environ.items() if name not in _ASIDE}
        pipe = subprocess.PIPE
        streams = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe}
        command = [str(self.folder / "wpy"), *words]
        return subprocess.Popen(command, env={**kept, **(environ or {})}, **{**streams, **options})

    def run(self, *words: str, environ: Mapping[str, str] | None = None, patience: float = PATIENCE_SECONDS) -> Done:
        """The same, to its end."""
        process = self.start(*words, environ=environ)
        try:
            out, err = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.terminate()  # wpy ends what it runs
            out, err = process.communicate()
            raise AssertionError(f"{words} took longer than {patience} s:\n{_text(out)}{_text(err)}") from None
        return Done(process.returncode, _text(out), _text(err))

    def mambench(self, *words: str, home: str, environ: Mapping[str, str] | None = None) -> Done:
        """The installed program, in a home."""
        return self.run("-m", "mambench", *words, environ={"MAMBENCH_HOME": home, **(environ or {})})

    def program(self, name: str, *words: str, **options: Any) -> Done:
        """One of the programs beside this file, which do on Windows what only Windows can."""
        return self.run("-B", windows_path(PROGRAMS / f"{name}.py"), *words, **options)

    def shut_down(self) -> None:
        """End every program of this computer."""
        if (self.folder / "wpy").exists():
            subprocess.run([str(self.folder / "wpy"), "--shutdown"], check=False)


def windows_path(path: Path) -> str:
    """What Windows calls a file of ours."""
    return "Z:" + str(path).replace("/", "\\")


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace").replace("\r\n", "\n")
