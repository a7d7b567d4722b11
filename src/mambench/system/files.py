"""Files written whole or not at all, trees removed, and what they take on the disk."""

from __future__ import annotations

import contextlib
import errno
import functools
import os
import shutil
import stat
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from mambench.errors import ProvisionError
from mambench.system import long_paths

Value = TypeVar("Value")

# On Windows up to Python 3.12 tempfile takes a folder that may not be written for one with a taken name, and tries
# os.TMP_MAX = 2**31 others; `new_file` tells it as what it is. Ref: https://github.com/python/cpython/issues/66305
setattr(tempfile, "TMP_MAX", min(tempfile.TMP_MAX, 100))  # noqa: B010  (Final in its stubs)

HELD_SECONDS = 2.0
"""So long a virus scanner or an indexer may hold a file that we have just written."""

_HELD = (5, 32)
"""ERROR_ACCESS_DENIED and ERROR_SHARING_VIOLATION: what Windows answers while another program holds a file."""


class Patience:
    """Steps on files that Windows may refuse for a moment; so many seconds are waited in all of them together."""

    def __init__(self, seconds: float = HELD_SECONDS) -> None:
        self._left_seconds = seconds

    def spend(self, step: Callable[..., Value], *arguments: object) -> Value:
        """Do the step, again while another program holds its file. Raises OSError."""
        pause_seconds = 0.02
        while True:
            try:
                return step(*arguments)
            except OSError as error:
                if getattr(error, "winerror", None) not in _HELD or self._left_seconds <= 0:
                    raise
            time.sleep(pause_seconds)
            self._left_seconds -= pause_seconds
            pause_seconds = min(0.2, pause_seconds * 2)


def replace(source: str | Path, target: Path) -> None:
    """Rename a file or folder, over a file that is there. Raises OSError."""
    Patience().spend(os.replace, source, target)


def try_writing(folder: Path) -> None:
    """Raises OSError where no file can be made in `folder`."""
    with _refusals():
        tempfile.TemporaryFile(dir=folder).close()


_NOT_SUPPORTED = (errno.EPERM, errno.ENOSYS, errno.EOPNOTSUPP)


def has_no_links(folder: Path) -> bool:
    """Whether its file system has no symbolic links, as FAT and exFAT: environments need some, except on Windows."""
    if os.name != "posix":
        return False
    try:
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as scratch:
            os.symlink("nowhere", os.path.join(scratch, "link"))
    except OSError as error:
        return error.errno in _NOT_SUPPORTED
    return False


_UNFINISHED = ".mambench-part"
UNFINISHED = f".*{_UNFINISHED}"
"""The files that `new_file` makes; those that a killed process left are deleted by `Home.sweep`."""


def new_file(path: Path) -> tuple[int, str]:
    """A hidden file beside `path`, in which that is written before it gets its name. Raises OSError."""
    with _refusals():
        return tempfile.mkstemp(prefix=f".{path.name[:40]}-", suffix=_UNFINISHED, dir=path.parent)


def new_path(path: Path) -> Path:
    """The same, closed. Raises OSError."""
    descriptor, name = new_file(path)
    os.close(descriptor)
    return Path(name)


LATE_SECONDS = 90.0
"""After so long every computer sees what another one made: NFS keeps what it knows of a folder for 60 s (acdirmax)."""


def look_anew(folder: Path) -> None:
    """See what other computers did in a folder, however late its file system shows that.

    Who changes a folder of an NFS server learns how it is now. Elsewhere a name may be listed before it can be looked
    up: a file that was not there a moment ago is remembered as missing.
    """
    with contextlib.suppress(OSError):
        tempfile.NamedTemporaryFile(dir=folder, prefix=".look-", suffix=_UNFINISHED).close()
    with contextlib.suppress(OSError):
        until = time.monotonic() + LATE_SECONDS
        while not all(os.path.lexists(folder / name) for name in os.listdir(folder)) and time.monotonic() < until:
            time.sleep(0.5)


@contextlib.contextmanager
def _refusals() -> Iterator[None]:
    """No free name out of so many: that is a folder in which we may not write. Raises PermissionError."""
    try:
        yield
    except FileExistsError as error:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), error.filename) from error


def write(path: Path, content: str) -> None:
    """Write `content` to `path` whole or not at all. Raises OSError."""
    write_bytes(path, content.encode())


def write_bytes(path: Path, content: bytes, *, executable: bool = False) -> None:
    """Write `content` to `path` whole or not at all: temporary file, flush, replace. Raises OSError."""
    descriptor, name = new_file(path)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        _set_default_mode(name, executable=executable)
        replace(name, path)
    except BaseException:
        with contextlib.suppress(OSError):
            remove(Path(name))
        raise


def write_where_told(path: Path, content: bytes) -> None:
    """Write where a person says: a regular file whole or not at all, behind a link if there is one; else into it.

    What is no regular file, such as /dev/null, /dev/fd/3 and a FIFO, keeps its place. Raises OSError.
    """
    if is_regular_or_new(path):
        write_bytes(behind_links(path), content)
        return
    # Without O_CREAT, with which Linux refuses FIFOs of other users in /tmp (fs.protected_fifos).
    with os.fdopen(os.open(path, os.O_WRONLY | getattr(os, "O_NOCTTY", 0)), "wb", buffering=0) as stream:
        left = memoryview(content)
        while left:
            left = left[stream.write(left) or 0 :]


def is_regular_or_new(path: Path) -> bool:
    """Whether a file may be renamed to its place, or to that of what it links to. Raises OSError."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return True


def behind_links(path: Path) -> Path:
    """What a link names in the end, whether it is there or not; a path that is no link itself."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def remove(path: Path) -> None:
    """Delete a file or a tree, at any depth; what is read-only in a tree is made writable first. Raises OSError."""
    path = long_paths.unlimited(path)
    tried: set[str] = set()
    patience = Patience()

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
            patience.spend(function, name)
        else:  # a folder that could not be listed: what is in it has not been tried
            shutil.rmtree(name, onerror=None if again else retry)

    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, onerror=retry)
    else:
        patience.spend(functools.partial(path.unlink, missing_ok=True))


_IN_THE_WAY = (errno.EISDIR, errno.ENOTDIR, errno.EEXIST, errno.ENOTEMPTY)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def cannot_write(path: Path, error: OSError) -> ProvisionError:
    """A file of the home that could not be written: which, why, and the next step."""
    file = error.filename2 or error.filename or path
    if error.errno in _IN_THE_WAY:
        remedy = "remove what is in the way there, or choose another --home"
    elif error.errno in _FORBIDDEN:
        remedy = "see that it can be written, or choose another --home"
    else:
        remedy = "free disk space, or choose another --home"
    return ProvisionError(f"cannot write {file}: {error.strerror or error}", remedy=remedy)


def free_bytes(path: Path) -> int:
    """Free disk space where `path` is or will be."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return shutil.disk_usage(path).free


Files = Mapping[tuple[int, int], tuple[int, int, int]]
"""What lies in a tree, by device and inode: how many links are in it, how many there are at all, bytes."""


def files_in(path: Path) -> Files:
    """The files of a tree, or the one that `path` is; what cannot be looked at is left out."""
    path = long_paths.unlimited(path)
    if path.is_symlink() or not path.is_dir():
        trees: Iterable[tuple[str, Iterable[str]]] = [(str(path.parent), [path.name])]
    else:
        trees = ((folder, names) for folder, _, names in os.walk(path))
    seen: dict[tuple[int, int], tuple[int, int, int]] = {}
    for folder, names in trees:
        for name in names:
            with contextlib.suppress(OSError):
                status = os.lstat(os.path.join(folder, name))
                key = (status.st_dev, status.st_ino)
                seen[key] = (seen.get(key, (0,))[0] + 1, status.st_nlink, status.st_size)
    return seen


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


def made(folder: Path) -> Path:
    """The folder, made with those above it if need be. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    return folder
