"""Every path inside the home, the one folder that holds all that mambench ever writes."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mambench.errors import HomeError, HomeGone, MambenchError
from mambench.system import files, places, presence

STALE_SECONDS = 24 * 3600.0
"""No run that is still alive has a temporary file so old, wherever it runs."""


@dataclass(frozen=True)
class Home:
    """The home at `root`; nothing is made before `prepare`."""

    root: Path
    note: str = ""
    """Why it is not where a person would look for it, to be said on the first screen."""
    short: bool = sys.platform == "win32"
    """Short names for the folders with the longest paths: Windows may take 259 characters in all."""
    beside: Path | None = None
    """The folder beside the program that would be the home and cannot: its kit and programs are read too."""
    node: str = ""
    """The name of this computer, where others may use the same home."""

    @property
    def environments(self) -> Path:
        """Prefixes, `<name>-<digest>` or `<digest>`, with their lock files beside them."""
        return self.root / ("e" if self.short else "envs")

    @property
    def results(self) -> Path:
        """Reports."""
        return self.root / "results"

    @property
    def slurm(self) -> Path:
        """One folder for each job that was submitted."""
        return self.root / "slurm"

    @property
    def logs(self) -> Path:
        """One folder for each run, one file for each round."""
        return self.root / "logs"

    @property
    def cache(self) -> Path:
        """What may be deleted at any time: uv's cache, fetched pythons, micromamba's packages."""
        return self.root / "cache"

    @property
    def mamba_root(self) -> Path:
        """micromamba's root prefix (`-r`)."""
        return self.root / "mamba"

    @property
    def package_cache(self) -> Path:
        """micromamba's archives and extracted packages, of all prefixes."""
        return self.root / "p" if self.short else self.mamba_root / "pkgs"

    @property
    def uv_cache(self) -> Path:
        """uv's own, to which prefixes are hard-linked."""
        return self.root / "u" if self.short else self.cache / "uv"

    @property
    def kit(self) -> Path:
        """What environments are made of without a network: packages by hash, and which a stack needs."""
        return self.root / "kit"

    @property
    def tools(self) -> Path:
        """micromamba itself, and a uv where there is none."""
        return self.root / "tools"

    @property
    def private(self) -> Path:
        """HOME and the XDG folders of the children, with the caches that drivers and frameworks keep there."""
        return self.root / "private" / self.node

    @property
    def temporary(self) -> Path:
        """TMPDIR of the children."""
        return self.root / "tmp"

    @property
    def code(self) -> Path:
        """Copies of the worker and the kernels, by hash."""
        return self.root / "code"

    @property
    def mutexes(self) -> Path:
        """One file for each thing that only one mambench may do at a time, and who does it."""
        return self.root / "mutexes"

    @property
    def user_benchmarks(self) -> Path:
        """A user's own benchmarks."""
        return self.root / "benchmarks"

    @property
    def user_environments(self) -> Path:
        """A user's own stacks."""
        return self.root / "environments"

    def prepare(self) -> None:
        """Make the folders that everything relies on, and be at work here. Raises HomeError."""
        private = (self.private / name for name in ("home", "cache", "config", "data", "state"))
        folders = (self.environments, self.results, self.logs, self.cache, self.tools, self.temporary, *private)
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            files.try_writing(self.temporary)
            presence.enter(self.mutexes)
        except OSError as error:
            copied = "a copy of this one, as it holds a kit, or " if self.kit.is_dir() else ""
            raise HomeError(
                f"cannot write to {self.root}: {error.strerror or error}",
                remedy=f"choose {copied}another folder with --home DIR or MAMBENCH_HOME",
            ) from error

    def require_there(self) -> None:
        """Go on only in the home that `prepare` made: nothing may come into being in its place. Raises HomeGone."""
        try:
            self.results.stat()
        except OSError as error:
            left = ""
            with contextlib.suppress(OSError):
                if os.listdir(self.root):  # package managers make their folders anew
                    left = f"; what is in {self.root} now was left by what was going on"
            raise HomeGone(
                f"{self.results} is gone ({error.strerror}): the home was removed, or its disk was taken away",
                remedy=f"connect its disk again, or choose another folder with --home DIR{left}",
            ) from error

    @contextlib.contextmanager
    def watched(self) -> Iterator[None]:
        """What fails in here because the home is gone is told as that. Raises HomeGone."""
        self.require_there()
        try:
            yield
        except (MambenchError, OSError):
            self.require_there()
            raise

    def leftovers(self, *, alone: bool) -> list[Path]:
        """What runs that were stopped left: all of it where we are `alone` at work here, else what is a day old."""
        prefixes = list(self.environments.glob("*"))
        written = (
            *(self.root, self.environments, self.results, self.code, self.user_environments),
            *(*prefixes, *(prefix / "conda-meta" for prefix in prefixes)),
            *(*self.tools.glob("*"), *self.user_benchmarks.glob("*")),
        )
        left = [
            *self.temporary.glob("*"),
            *self.code.glob(".code-*"),
            *self.uv_cache.glob(".tmp*"),  # wheels that were being unpacked
            *(self.tools / "pythons" / ".temp").glob("*"),
            *(path for folder in written for path in folder.glob(files.UNFINISHED)),
        ]
        return [path for path in left if alone or _age_seconds(path) > STALE_SECONDS]

    def sweep(self) -> int:
        """Delete that, and give the bytes that are free again; the caller holds the mutex of who measures.

        What cannot be deleted is left.
        """
        freed = 0
        with contextlib.suppress(OSError), presence.alone(self.mutexes) as alone:
            for path in self.leftovers(alone=alone):
                size = files.freed_bytes(files.files_in(path))
                with contextlib.suppress(OSError):
                    files.remove(path)
                    freed += size
        return freed

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.temporary, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def report_path(self, created: datetime, hostname: str, run_id: str) -> Path:
        """Where the report of a run lies."""
        return self.results / f"{created:%Y%m%dT%H%M%SZ}-{places.computer(hostname)}-{run_id[:8]}.json"


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0
