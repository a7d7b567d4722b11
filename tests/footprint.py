"""What a program and all of its children change on the file system: what lies there, and their system calls."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

needs_strace = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not here")

_BY_PATH = (
    "creat", "mkdir", "mkdirat", "mknod", "mknodat", "rename", "renameat", "renameat2", "link", "linkat", "symlink",
    "symlinkat", "unlink", "unlinkat", "rmdir", "truncate", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown",
    "lchown", "fchown", "fchownat", "utime", "utimes", "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr",
    "setxattrat", "removexattr", "lremovexattr", "fremovexattr", "removexattrat", "bind",
)  # fmt: skip
_OPENING = ("open", "openat", "openat2")
_ELSEWHERE = (
    "mount", "umount2", "move_mount", "pivot_root", "swapon", "acct", "mq_open", "shmget", "semget", "msgget",
    "io_uring_setup",
)  # fmt: skip
"""What leaves something behind that has no path, or, as io_uring does, changes files unseen."""
_FOLDERS = ("chdir", "fchdir", "clone", "clone3", "fork", "vfork")
"""By which a relative path is known: a child begins in the folder of its parent."""

_CALL = re.compile(r"(\w+)\((.*)\)\s+= (\d+)(?:<(.*)>)?")
_WRITES = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|O_TMPFILE")
_PLACE = re.compile(r'(?:AT_FDCWD|\b\d+)<([^>]*)>|(?<!@)"((?:[^"\\]|\\.)*)"')
"""A descriptor, as `-y` shows it, or a name; `@` is before one that is no file's."""
_FOLLOWS_LINKS = re.compile(r"chmod|chown|truncate|utime|xattr")
_OWN = re.compile(r"/proc/(self|thread-self|\d+)/|/memfd:")


def listing(*folders: Path) -> dict[str, tuple[int, int, int]]:
    """Everything below the folders, with mode, size and time of change."""
    found = {}
    for folder in folders:
        for path in (folder, *folder.rglob("*")):
            status = path.lstat()
            found[str(path)] = (status.st_mode, status.st_size, status.st_mtime_ns)
    return found


def traced(command: Sequence[str], folder: Path) -> list[str]:
    """`command` under strace, a file for each of its processes in `folder`."""
    folder.mkdir()
    calls = [*_OPENING, *_BY_PATH, *_ELSEWHERE, *_FOLDERS]
    trace = "trace=" + ",".join(f"?{call}" for call in calls)  # `?`: not every machine has each of them
    words = ["strace", "-ff", "--seccomp-bpf", "-qq", "-y", "-s", "4096", "-e", trace, "-e", "signal=none"]
    return [*words, "-o", str(folder / "trace"), *command]


def refused(command: Sequence[str], *calls: str) -> list[str]:
    """`command`, it and its children refused these calls as by a file system that has no such thing."""
    named = ",".join(calls)
    words = ["strace", "-f", "--seccomp-bpf", "-qq", "-e", "signal=none", "-o", "/dev/null"]
    return [*words, "-e", f"trace={named}", "-e", f"inject={named}:error=EPERM", *command]


def changed_outside(folder: Path, *allowed: Path, cwd: Path) -> list[str]:
    """The successful calls in the traces that change something in none of the `allowed` places.

    Devices, and a process's own files in /proc, hold nothing that stays; shared memory may be made and removed.
    """
    lines = {int(file.suffix[1:]): file.read_text(errors="replace").splitlines() for file in folder.glob("trace.*")}
    children = {int(call[3]) for calls in lines.values() for call in _calls(calls) if call[1] in _FOLDERS[2:]}
    places, found = [place.resolve() for place in allowed], []
    for first in lines.keys() - children:
        found += _follow(first, lines, cwd, places)
    return found


def _calls(lines: Iterable[str]) -> Iterator[re.Match[str]]:
    return filter(None, map(_CALL.match, lines))


def _follow(pid: int, lines: dict[int, list[str]], cwd: Path, allowed: Sequence[Path]) -> Iterator[str]:
    """What a process, which began in `cwd`, and its children changed."""
    for call in _calls(lines.pop(pid, [])):
        name = call[1]
        if name in ("chdir", "fchdir"):
            (cwd,) = _paths(call[2], cwd)
        elif name in _FOLDERS:
            yield from _follow(int(call[3]), lines, cwd, allowed)
        elif name in _ELSEWHERE or any(not _is_allowed(path, allowed) for path in _changed(call, cwd)):
            yield f"{call[0]} in {cwd}"


def _changed(call: re.Match[str], cwd: Path) -> list[Path]:
    """The paths that a call changes, without the links on the way."""
    name, arguments, _, opened = call.groups()
    if name in _OPENING:
        return _paths(f"0<{opened}>", cwd) if _WRITES.search(arguments) else []
    if name == "bind":
        return _paths(arguments.partition("sun_path=")[2], cwd)
    if name.startswith("symlink"):  # what a link says is no place that is touched
        arguments = arguments.partition(",")[2]
    paths = _paths(arguments, cwd)
    if "xattr" in name:  # the next is the attribute's name
        paths = paths[:1]
    if _FOLLOWS_LINKS.search(name) and not name.startswith("l") and "NOFOLLOW" not in arguments:
        return [path.resolve() for path in paths]
    return [path.parent.resolve() / path.name for path in paths]


def _paths(arguments: str, cwd: Path) -> list[Path]:
    """Those in the arguments of a call; a name comes after the descriptor of its folder, or is in the process's own."""
    paths: list[Path] = []
    folder: Path | None = None
    for descriptor, name in _PLACE.findall(arguments):
        if name:
            paths.append((folder or cwd) / _plain(name))
            folder = None
        else:
            paths += [folder] if folder is not None else []
            folder = Path(_plain(descriptor)) if descriptor.startswith("/") else None  # a pipe, a socket
    return [*paths, *([folder] if folder is not None else [])]


def _plain(text: str) -> str:
    """strace's escapes undone."""
    return text.encode().decode("unicode_escape").encode("latin-1").decode("utf-8", "replace")


def _is_allowed(path: Path, allowed: Sequence[Path]) -> bool:
    return (
        _OWN.match(str(path)) is not None
        or path.is_char_device()
        or (path.parent == Path("/dev/shm") and not path.exists())
        or any(path.is_relative_to(place) for place in allowed)
    )
