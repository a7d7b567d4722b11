"""Every path inside the home, the one folder that holds all that mambench ever writes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mambench.errors import HomeError

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
    def lock(self, name: str, *, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the lock `name`, waiting while another mambench holds it; `on_wait` is called if so."""
        import filelock

        folder = self.root / "locks"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            held = filelock.FileLock(folder / f"{name}.lock")
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
            with self.lock("code"):
                if not _holds(target, contents):
                    self._bring_code(contents, target)
        return target

    def _bring_code(self, contents: dict[str, bytes], target: Path) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix=".code-", dir=_made(self.code)) as folder:
                staging = Path(folder) / "copy"
                for name, content in contents.items():
                    _made((staging / name).parent)
                    (staging / name).write_bytes(content)
                remove(target)
                staging.replace(target)
        except OSError as error:
            raise HomeError(
                f"cannot copy {target.name} into {self.code}: {error}", remedy="see that the home can be written"
            ) from error


def write(path: Path, content: str) -> None:
    """Write `content` to `path` whole or not at all. Raises OSError."""
    write_bytes(path, content.encode())


def write_bytes(path: Path, content: bytes, *, executable: bool = False) -> None:
    """Write `content` to `path` whole or not at all: temporary file, flush, replace. Raises OSError."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name[:40]}-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        _set_default_mode(name, executable=executable)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def remove(path: Path) -> None:
    """Delete a file or a tree; what is read-only is made writable first. Raises OSError."""

    tried: set[str] = set()

    def retry(function: Callable[..., object], name: str, _error: object) -> None:
        if not os.path.lexists(name):
            return
        again = name in tried
        tried.add(name)
        if not again:
            os.chmod(os.path.dirname(name), 0o700)
            if not os.path.islink(name):  # what a link names may be anybody's
                os.chmod(name, 0o700)
        if function in (os.rmdir, os.unlink):
            function(name)
        else:  # a folder that could not be listed: what is in it has not been tried
            shutil.rmtree(name, onerror=None if again else retry)

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=retry)
    else:
        path.unlink(missing_ok=True)


def free_bytes(path: Path) -> int:
    """Free disk space where `path` is or will be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


Files = Mapping[tuple[int, int], tuple[int, int, int]]
"""What lies in a tree, by device and inode: how many links are in it, how many there are at all, bytes."""


def files_in(path: Path) -> Files:
    """The files of a tree; what cannot be looked at is left out."""
    found: dict[tuple[int, int], tuple[int, int, int]] = {}
    for folder, _, names in os.walk(path):
        for name in names:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(folder, name))
                key = (status.st_dev, status.st_ino)
                found[key] = (found.get(key, (0,))[0] + 1, status.st_nlink, status.st_size)
    return found


def freed_bytes(*trees: Files) -> int:
    """What becomes free when all of these trees are removed: a file with a link elsewhere stays."""
    links: Counter[tuple[int, int]] = Counter()
    for tree in trees:
        links.update({key: inside for key, (inside, _, _) in tree.items()})
    every = {key: (total, size) for tree in trees for key, (_, total, size) in tree.items()}
    return sum(size for key, (total, size) in every.items() if links[key] >= total)


def tree_bytes(path: Path) -> int:
    """The size of a tree, a file with several links counted once."""
    return sum(size for _, _, size in files_in(path).values())


def _set_default_mode(name: str, *, executable: bool) -> None:
    """Give a temporary file, made 0600, the mode that an ordinary one would have."""
    if os.name == "posix":
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, (0o777 if executable else 0o666) & ~mask)


def _age_seconds(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


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
