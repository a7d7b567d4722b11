"""Copies of prefixes on a disk of this computer, for a run whose home lies on a network: nothing of a stack is read
from there while it is measured.

Each run has a folder of its own, `mambench-<uid>-<run>`, which only its user may enter. It is removed at the end,
however that comes; what killed runs left there is removed by the next run that copies, when it is a day old.
"""

from __future__ import annotations

import contextlib
import os
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from mambench.errors import ProvisionError, UsageError
from mambench.model import Environment, Note, OnEvent, Provisioning
from mambench.system import files, places
from mambench.system.home import STALE_SECONDS, Home

Stage = Callable[[Environment], Environment]

THREADS = 8
"""A network file system answers many small questions at once as fast as a single one."""

CHUNK_BYTES = 1 << 22
TICK_SECONDS = 0.25

FLUSHED_FROM_BYTES = 1 << 20
"""What is larger is on the disk before anything is measured: most bytes, and few of the files."""

BLOCK_BYTES = 4096
"""A file takes whole blocks."""


@contextlib.contextmanager
def stage(folder: Path | None, *, home: Home, run_id: str, on_event: OnEvent) -> Iterator[Stage]:
    """Give what copies an environment below `folder` and returns the copy; without one, what returns it as it is.

    Raises UsageError; what copies raises ProvisionError.
    """
    if folder is None:
        yield lambda environment: environment
        return
    require_usable(folder)
    folder = Path(os.path.realpath(folder))
    if places.is_shared(folder):
        on_event(Note(f"{folder} may be on a network file system: copies there are no nearer than the home"))
    _remove_leftovers(folder)
    own = _made(folder / f"{_beginning()}{run_id[:8]}")
    try:
        yield _Copies(own, home, on_event).copy_of
    finally:
        try:
            files.remove(own)
        except OSError as error:
            on_event(Note(f"the copies in {own} could not be removed: {error.strerror or error}"))


def require_usable(folder: Path) -> None:
    """Whether copies can lie there and be run by nobody else's doing. Raises UsageError."""
    if sys.platform == "win32":
        raise UsageError("--stage is for Linux and macOS", remedy="leave it out")
    if not folder.is_dir():
        raise UsageError(f"--stage {folder}: there is no such folder on this computer", remedy="name one that is there")
    mode = folder.stat().st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise UsageError(
            f"--stage {folder}: anybody may put something else in the place of the copies there",
            remedy=f"set its sticky bit (chmod +t {folder}), or name a folder of your own",
        )
    if os.statvfs(folder).f_flag & getattr(os, "ST_NOEXEC", 0):
        raise UsageError(f"--stage {folder}: no program may run from there (noexec)", remedy="name another folder")


def _beginning() -> str:
    return f"mambench-{_uid()}-"


def _uid() -> int:
    if sys.platform == "win32":
        return 0
    return os.getuid()


def _made(own: Path) -> Path:
    """The run's folder. Making it fails where anything has its name already, a link too. Raises UsageError."""
    try:
        own.mkdir(mode=0o700)
    except OSError as error:
        raise UsageError(f"cannot make {own}: {error.strerror or error}", remedy="name another --stage DIR") from error
    return own


def _remove_leftovers(folder: Path) -> None:
    """Of this user's runs that were killed; a link is nobody's copies."""
    for path in folder.glob(f"{_beginning()}*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            is_ours = status.st_uid == _uid() and stat.S_ISDIR(status.st_mode)
            if is_ours and time.time() - status.st_mtime > STALE_SECONDS:
                files.remove(path)


class _Copies:
    """The environments that were copied so far."""

    def __init__(self, folder: Path, home: Home, on_event: OnEvent) -> None:
        self._folder, self._home, self._on_event = folder, home, on_event
        self._roots: dict[Path, Path] = {}
        """Where a tree of the home has its copy."""

    def copy_of(self, environment: Environment) -> Environment:
        """The environment as its copy; a python that the user has stays where it is. Raises ProvisionError."""
        if environment.prefix is None:
            return environment
        prefix = Path(os.path.realpath(environment.prefix))
        for root in filter(None, (_base_python(environment, self._home), prefix)):
            if root not in self._roots:
                self._copy(root, environment)
        copy = self._roots[prefix]
        return replace(environment, prefix=copy, python=copy / environment.python.relative_to(environment.prefix))

    def _copy(self, root: Path, environment: Environment) -> None:
        copy = self._folder / root.name
        self._roots[root] = copy
        try:
            tree = _look(root, copy, self._roots, within=Path(os.path.realpath(self._home.root)))
            self._require_room(tree.disk_bytes, environment)
            _bring(tree, lambda done: self._tell(environment, done, tree.total_bytes))
            _point_home(copy / "pyvenv.cfg", self._roots)
        except BaseException as error:
            del self._roots[root]
            with contextlib.suppress(OSError):
                files.remove(copy)
            if not isinstance(error, OSError):
                raise
            raise ProvisionError(
                f"cannot copy {environment.spec.name} to {self._folder}: {error.strerror or error}",
                remedy="name another --stage DIR, or leave it out",
            ) from error

    def _require_room(self, needed_bytes: int, environment: Environment) -> None:
        free_bytes = files.free_bytes(self._folder)
        if needed_bytes > free_bytes:
            raise ProvisionError(
                f"a copy of {environment.spec.name} takes {needed_bytes / 1e6:.0f} MB, and {self._folder.parent} has "
                f"{free_bytes / 1e6:.0f} MB free",
                remedy="free disk space there, name another --stage DIR, or leave it out",
            )

    def _tell(self, environment: Environment, done_bytes: int, total_bytes: int) -> None:
        phase = f"copying to {self._folder}"
        self._on_event(Provisioning(environment.spec.name, phase, done_bytes, total_bytes or None))


def _base_python(environment: Environment, home: Home) -> Path | None:
    """The python that carries a virtual environment, where that lies in the home: its library is read from there."""
    python = Path(os.path.realpath(environment.python))
    prefix = Path(os.path.realpath(environment.prefix or python))
    is_ours = python.is_relative_to(os.path.realpath(home.root)) and not python.is_relative_to(prefix)
    return python.parent.parent if is_ours else None


# --------------------------------------------------------------------------------------------------- a tree


@dataclass
class _Tree:
    """What is to be made: folders before what is in them, files with what they are copies of, links."""

    folders: list[Path] = field(default_factory=list)
    files: list[tuple[Path, Path, os.stat_result]] = field(default_factory=list)
    links: list[tuple[Path, str]] = field(default_factory=list)

    @property
    def total_bytes(self) -> int:
        return sum(status.st_size for _, _, status in self.files)

    @property
    def disk_bytes(self) -> int:
        """What they take in whole blocks."""
        blocks = sum(-(-status.st_size // BLOCK_BYTES) for _, _, status in self.files)
        return BLOCK_BYTES * (blocks + len(self.folders))


def _look(root: Path, copy: Path, roots: Mapping[Path, Path], *, within: Path) -> _Tree:
    """What a copy of `root` consists of. Raises OSError.

    Links into a tree that is copied name its copy, others stay; of what lies elsewhere `within` the home, a copy.
    """
    tree, waiting = _Tree(), [(root, copy)]
    while waiting:
        folder, target = waiting.pop()
        tree.folders.append(target)
        for source in folder.iterdir():
            made = target / source.name
            status = source.lstat()
            if stat.S_ISDIR(status.st_mode):
                waiting.append((source, made))
            elif stat.S_ISREG(status.st_mode):
                tree.files.append((source, made, status))
            if not stat.S_ISLNK(status.st_mode):
                continue
            named = Path(os.path.realpath(source))
            if (copied := _copied(named, roots)) is not None:
                tree.links.append((made, os.path.relpath(copied, target)))
            elif named.is_relative_to(within) and named.is_file():
                tree.files.append((named, made, named.stat()))
            else:
                tree.links.append((made, str(named)))
    return tree


def _copied(path: Path, roots: Mapping[Path, Path]) -> Path | None:
    """Where a path of a tree that is copied has its copy."""
    root = next((root for root in roots if path.is_relative_to(root)), None)
    return None if root is None else roots[root] / path.relative_to(root)


def _bring(tree: _Tree, on_bytes: Callable[[int], None]) -> None:
    """Make it. Raises OSError."""
    for folder in tree.folders:
        folder.mkdir(mode=0o700)
    for made, named in tree.links:
        made.symlink_to(named)
    stopped, done = threading.Event(), [0] * len(tree.files)

    def bring(index: int) -> None:
        source, target, status = tree.files[index]
        # Opened to make it: what is there already, a link too, is not written to.
        with source.open("rb") as reading, target.open("xb") as writing:
            while not stopped.is_set() and (chunk := reading.read(CHUNK_BYTES)):
                done[index] += writing.write(chunk)
            if status.st_size >= FLUSHED_FROM_BYTES:
                writing.flush()
                os.fsync(writing.fileno())
        target.chmod(0o700 if status.st_mode & stat.S_IXUSR else 0o600)
        os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns))  # by which byte code is known to be of its source

    pool = ThreadPoolExecutor(THREADS)
    try:
        waiting: set[Future[None]] = {pool.submit(bring, index) for index in range(len(tree.files))}
        while waiting:
            finished, waiting = wait(waiting, timeout=TICK_SECONDS)
            for each in finished:
                each.result()
            on_bytes(sum(done))
    finally:
        stopped.set()
        pool.shutdown(cancel_futures=True)


def _point_home(config: Path, roots: Mapping[Path, Path]) -> None:
    """Have a virtual environment name the copy of its base python, if that was copied. Raises OSError."""
    if not config.is_file():
        return
    lines = config.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines):
        key, _, value = line.partition("=")
        if key.strip() == "home" and (copied := _copied(Path(os.path.realpath(value.strip())), roots)) is not None:
            lines[number] = f"home = {copied}"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
