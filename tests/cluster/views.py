"""One folder as several computers see it through a bad file server, without one.

Each node has its own mount of the folder (bindfs), which keeps names, missing names and attributes for half a minute,
and whose locks end at the mount. Nodes have names of their own (UTS namespaces) and see the folder at the same path.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

LATE_SECONDS = 30
PATIENCE_SECONDS = 120.0

NEEDED = ("bindfs", "fusermount3", "unshare")


class Views:
    """A folder, and what each node sees of it at `home`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.real = folder / "real"
        self._started: list[subprocess.Popen[str]] = []
        for each in (self.home, self.real):
            each.mkdir()

    def mount(self, node: str) -> Path:
        """The node's own view."""
        view = self.folder / node
        if not view.is_dir():
            view.mkdir()
            late = ",".join(f"{name}_timeout={LATE_SECONDS}" for name in ("attr", "entry", "negative"))
            subprocess.run(["bindfs", "-o", late, str(self.real), str(view)], check=True)
        return view

    def start(self, node: str, *words: str, program: Sequence[str] = (), **environ: str) -> subprocess.Popen[str]:
        """`mambench` on that node, in the shared home."""
        view = self.mount(node)
        inside = 'mount --bind "$1" "$2" && hostname "$3" && shift 3 && exec "$@"'
        command = ["unshare", "-m", "-u", "sh", "-c", inside, "sh", str(view), str(self.home), node]
        command += [*(program or (sys.executable, "-m", "mambench")), *words]
        launched = ("SLURM_", "OMPI_", "PMI_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(launched)}
        environment = {**kept, "MAMBENCH_OTHER_HOMES": "ignore", "MAMBENCH_HOME": str(self.home), **environ}
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, start_new_session=True, cwd=self.folder,
        )  # fmt: skip
        self._started.append(process)
        return process

    def run(self, node: str, *words: str, **environ: str) -> tuple[int, str]:
        """The same, to its end: the exit code and all that it printed."""
        return ended(self.start(node, *words, **environ))

    def close(self) -> None:
        """End what is left, and take the views away."""
        for process in self._started:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        for view in self.folder.iterdir():
            if os.path.ismount(view):
                subprocess.run(["fusermount3", "-u", "-z", str(view)], check=True)


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Wait for it: the exit code and what it printed, each run of blanks as one."""
    text, _ = process.communicate(timeout=PATIENCE_SECONDS)
    return process.returncode, " ".join(text.split())


def wait_for(path: Path, pattern: str) -> Path:
    """Until a file of that kind lies there."""
    until = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < until:
        if (path_found := next(path.glob(pattern), None)) is not None:
            return path_found
        time.sleep(0.02)
    pytest.fail(f"no {pattern} in {path} after {PATIENCE_SECONDS:.0f} s")


@pytest.fixture
def views(tmp_path: Path) -> Iterator[Views]:
    """Nodes that share a home."""
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if not os.path.exists("/dev/fuse") or os.geteuid() != 0:
        missing.append("/dev/fuse, as root")
    if missing and not os.environ.get("MAMBENCH_TEST_SLURM"):
        pytest.skip(f"without {', '.join(missing)}; MAMBENCH_TEST_SLURM=1 makes this a failure")
    assert not missing, missing
    made = Views(tmp_path)
    try:
        yield made
    finally:
        made.close()
