"""Every path inside the home, the one folder that holds all that mambench ever writes."""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mambench.errors import HomeError
from mambench.system.files import made, remove

STALE_SECONDS = 24 * 3600.0
"""No run that is still alive has a temporary file so old."""


@dataclass(frozen=True)
class Home:
    """The home at `root`; nothing is made before `prepare`."""

    root: Path
    note: str = ""
    """Why it is not where a person would look for it, to be said on the first screen."""

    @property
    def environments(self) -> Path:
        """Prefixes, `<name>-<digest>`, with their locks beside them."""
        return self.root / "envs"

    @property
    def results(self) -> Path:
        """Reports."""
        return self.root / "results"

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
    def tools(self) -> Path:
        """micromamba itself, and a uv where none is at hand."""
        return self.root / "tools"

    @property
    def private(self) -> Path:
        """HOME and the XDG folders of the children."""
        return self.root / "private"

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
        """One file for each thing that only one mambench may do at a time, and who is at it."""
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
        """Make the folders that everything relies on; raises HomeError where that cannot be done."""
        private = (self.private / name for name in ("home", "cache", "config", "data", "state"))
        folders = (self.environments, self.results, self.logs, self.cache, self.tools, self.temporary, *private)
        try:
            for folder in folders:
                folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.temporary):
                pass
        except OSError as error:
            raise HomeError(
                f"cannot write to {self.root}: {error.strerror or error}",
                remedy="choose another folder with --home DIR or MAMBENCH_HOME",
            ) from error

    def stale(self) -> list[Path]:
        """What runs that were killed left in the temporary folders a day ago or more."""
        folders = [folder for folder in (self.temporary, self.results, self.code) if folder.is_dir()]
        found = [path for folder in folders for path in folder.iterdir()]
        hidden = [path for path in found if path.parent == self.temporary or path.name.startswith(".")]
        return [path for path in hidden if _age_seconds(path) > STALE_SECONDS]

    def sweep(self) -> None:
        """Delete what is stale; what cannot be deleted is left."""
        for path in self.stale():
            with contextlib.suppress(OSError):
                remove(path)

    @contextlib.contextmanager
    def mutex(self, name: str, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the mutex `name`, waiting while another mambench holds it; `on_wait` is called if so."""
        import filelock

        folder = self.mutexes
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held = filelock.FileLock(folder / f"{name}.mutex")
            try:
                held.acquire(timeout=0)
            except filelock.Timeout:
                on_wait()
                held.acquire(timeout=-1)
        except OSError as error:
            raise HomeError(
                f"cannot lock {folder / name}: {error}", remedy="see that the home can be written"
            ) from error
        try:
            yield
        finally:
            held.release()

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder that is gone afterwards."""
        with tempfile.TemporaryDirectory(dir=self.temporary, ignore_cleanup_errors=True) as folder:
            yield Path(folder)

    def report_path(self, created: datetime, hostname: str, run_id: str) -> Path:
        """Where the report of a run lies."""
        host = re.sub(r"[^A-Za-z0-9.-]+", "-", hostname).strip("-.") or "unknown"
        return self.results / f"{created:%Y%m%dT%H%M%SZ}-{host}-{run_id[:8]}.json"

    def copy_code(self, source: Path, *, also: Path | None = None) -> Path:
        """A copy of the folder `source`, with the file `also`, in the home, named by the hash of what is in it."""
        contents = _contents(source, also)
        target = self.code / f"{source.name}-{_digest(contents)}"
        if not _holds(target, contents):
            with self.mutex("code"):
                if not _holds(target, contents):
                    self._bring_code(contents, target)
        return target

    def _bring_code(self, contents: dict[str, bytes], target: Path) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix=".code-", dir=made(self.code)) as folder:
                staging = Path(folder) / "copy"
                for name, content in contents.items():
                    made((staging / name).parent)
                    (staging / name).write_bytes(content)
                remove(target)
                staging.replace(target)
        except OSError as error:
            raise HomeError(
                f"cannot copy {target.name} into {self.code}: {error}", remedy="see that the home can be written"
            ) from error


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _contents(source: Path, also: Path | None) -> dict[str, bytes]:
    try:
        files = sorted(path for path in source.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        contents = {path.relative_to(source).as_posix(): path.read_bytes() for path in files}
        if also is not None:
            contents[also.name] = also.read_bytes()
    except OSError as error:
        raise HomeError(f"cannot read {error.filename}: {error.strerror}", remedy="see that it can be read") from error
    return contents


def _digest(contents: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in contents.items():
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:12]


def _holds(folder: Path, contents: dict[str, bytes]) -> bool:
    try:
        return all((folder / name).read_bytes() == content for name, content in contents.items())
    except OSError:
        return False
