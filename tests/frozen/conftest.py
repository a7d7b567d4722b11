"""Freezes both forms once and runs them as a person or a script does.

They carry a synthetic micromamba archive with a pin file of its own: the stand-in of the tests. MAMBENCH_TEST_FROZEN
names the folder of an earlier build with it, to save the time.
"""

from __future__ import annotations

import hashlib
import io
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

pytest.importorskip("PyInstaller", reason="freezing needs PyInstaller")
if not sys.platform.startswith("linux"):
    pytest.skip("these tests drive Linux: signals, tmpfs, the stand-in", allow_module_level=True)

from standin.install import write_wrapper

ROOT = Path(__file__).resolve().parents[2]
MARK = "LC_FROZEN"
"""Reaches every child: the allow-list lets LC_* through."""

PATIENCE_SECONDS = 90.0
STRANGE = "Ünder wegs/it's 漢字 here"
"""Spaces, umlauts, CJK, an apostrophe."""

pin = """\
version = "2.8.1"
build = "0"
url = "file:///nowhere/{{platform}}/micromamba-{{version}}-{{build}}.tar.bz2"

[linux-64]
archive = "{archive}"
executable = "{executable}"
"""


@dataclass(frozen=True)
class Forms:
    """The one file, and the folder with its archive."""

    one_file: Path
    folder: Path
    packed: Path

    def put(self, form: str, target: Path) -> Path:
        """A copy of a form below `target`; gives the program in it."""
        target.mkdir(parents=True, exist_ok=True)
        if form == "one file":
            return Path(shutil.copy(self.one_file, target / "mambench"))
        shutil.copytree(self.folder, target / self.folder.name)
        return target / self.folder.name / "mambench"


@pytest.fixture(scope="session")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Forms:
    """Both forms, built by the script that releases are built with."""
    kept = os.environ.get("MAMBENCH_TEST_FROZEN")
    out = Path(kept) if kept else tmp_path_factory.mktemp("frozen")
    if not any(out.glob("mambench-*.tar.gz")):
        out.mkdir(parents=True, exist_ok=True)
        archive, pins = synthetic_micromamba(out)
        command = [sys.executable, str(ROOT / "scripts" / "freeze.py"), "--out", str(out)]
        command += ["--micromamba", str(archive), "--pins", str(pins)]
        subprocess.run(command, check=True, timeout=240)
    (packed,) = out.glob("mambench-*.tar.gz")
    name = packed.name.removesuffix(".tar.gz")
    return Forms(out / name, out / "folder" / name, packed)


def synthetic_micromamba(folder: Path) -> tuple[Path, Path]:
    """An archive whose bin/micromamba is the stand-in, and the pin file that knows it."""
    program = write_wrapper(folder / "standin" / "micromamba").read_bytes()
    archive = folder / "synthetic.tar.bz2"
    with tarfile.open(archive, "w:bz2") as bundle:
        for name, content in (("bin/micromamba", program), ("info/licenses/toy/LICENSE", b"none\n")):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(content), 0o755
            bundle.addfile(entry, io.BytesIO(content))
    pins = folder / "micromamba.toml"
    hashes = {"archive": hashlib.sha256(archive.read_bytes()), "executable": hashlib.sha256(program)}
    pins.write_text(pin.format(**{name: digest.hexdigest() for name, digest in hashes.items()}))
    return archive, pins


@dataclass(frozen=True)
class Done:
    """How a run ended and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it, as one line: tables break lines where they like."""
        return " ".join((self.out + self.err).split())


@dataclass
class Person:
    """Somebody with a program, folders of their own, and an environment."""

    program: Path
    folder: Path
    environ: dict[str, str]
    mark: str = field(default_factory=lambda: secrets.token_hex(8))
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """Beside the program."""
        return self.program.parent / "mambench-home"

    @property
    def temporary(self) -> Path:
        """TMPDIR."""
        return self.folder / "tmp"

    def start(self, *words: str, environ: Mapping[str, str | None] | None = None, **options: Any) -> Any:
        """The program at work, in a session of its own."""
        changed = {**self.environ, MARK: self.mark, **(environ or {})}
        kept = {name: value for name, value in changed.items() if value is not None}
        pipe = subprocess.PIPE
        streams: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": pipe, "stderr": pipe}
        process = subprocess.Popen(
            [str(self.program), *words], env=kept, cwd=self.folder, start_new_session=True,
            preexec_fn=_default_signals, **{**streams, **options},
        )  # fmt: skip
        self.started.append(process)
        return process

    def run(self, *words: str, **options: Any) -> Done:
        """The same, to its end."""
        return end(self.start(*words, **options))

    def living(self) -> list[psutil.Process]:
        """Every process that descends from a program of this person."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def bundles(self) -> list[Path]:
        """What one-file programs unpacked and did not delete."""
        return sorted(self.temporary.glob("_MEI*"))

    def wait_until_alone(self, seconds: float = 10.0) -> None:
        """Fails if something lives on for so long."""
        wait_for(lambda: not self.living(), seconds=seconds)

    def offer_stack(self, name: str, recipe: str, kernel: str = "numpy") -> None:
        """A stack of the person's own."""
        folder = self.home / "environments"
        folder.mkdir(parents=True, exist_ok=True)
        head = f'title = "{name}"\nkernel = "{kernel}"\ndevices = ["cpu"]\nplatforms = ["linux-64"]\n'
        (folder / f"{name}.toml").write_text(head + recipe)

    def end_all(self) -> None:
        """Leave nothing behind, whatever the test found."""
        for process in self.living():
            process.kill()
        for started in self.started:
            started.wait()
            for stream in (started.stdin, started.stdout, started.stderr):
                if stream is not None:
                    stream.close()


@pytest.fixture(params=["one file", "folder"])
def form(request: pytest.FixtureRequest) -> str:
    """Both, in turn."""
    return str(request.param)


@pytest.fixture
def person(forms: Forms, form: str, tmp_path: Path) -> Iterator[Person]:
    """Somebody who put the program into a folder of theirs; at the end nothing of it lives or is left over."""
    made = make_person(forms.put(form, tmp_path / "programs"), tmp_path)
    yield made
    try:
        made.wait_until_alone()
        assert made.bundles() == []
    finally:
        made.end_all()


@pytest.fixture
def one_file(forms: Forms, tmp_path: Path) -> Iterator[Person]:
    """Somebody with the one-file form; the test itself looks at what is left."""
    made = make_person(forms.put("one file", tmp_path / "programs"), tmp_path)
    yield made
    made.end_all()


def make_person(program: Path, folder: Path) -> Person:
    """Folders and a small environment for the program."""
    for name in ("user", "tmp"):
        (folder / name).mkdir()
    environ = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "HOME": str(folder / "user"),
        "TMPDIR": str(folder / "tmp"),
        "LANG": "C.UTF-8",
        "TERM": "xterm",
        "MAMBENCH_OTHER_HOMES": "ignore",
    }
    return Person(program, folder, environ)


def end(process: subprocess.Popen[bytes]) -> Done:
    """Wait for the end."""
    out, err = process.communicate(timeout=PATIENCE_SECONDS)
    return Done(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))


def wait_for(there: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Wait until something is true."""
    begin = time.monotonic()
    while not there():
        assert time.monotonic() - begin < seconds, "it did not happen in time"
        time.sleep(0.02)


def _default_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
