"""Copies of the worker and the kernels in the home, so that a run has the same code from its start to its end."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path, PurePosixPath

from mambench.errors import HomeError
from mambench.system import mutex
from mambench.system.files import look_anew, made, remove, replace
from mambench.system.home import Home


def copied(home: Home, source: Path, *, also: Path | None = None) -> Path:
    """A copy of the folder `source`, with the file `also`, in the home, named by the hash of what is in it.

    Raises HomeError.
    """
    contents = _contents(source, also)
    target = home.code / f"{source.name}-{_digest(contents)}"
    if not _holds(target, contents):
        with mutex.held(home, "code", "a mambench that copies its worker"):
            look_anew(target.parent)
            look_anew(target)
            if not _holds(target, contents):
                _bring(contents, target)
    return target


def _bring(contents: dict[str, bytes], target: Path) -> None:
    try:
        made(target.parent)
        with tempfile.TemporaryDirectory(prefix=".code-", dir=target.parent, ignore_cleanup_errors=True) as folder:
            staging = Path(folder) / "copy"
            for name, content in contents.items():
                made((staging / name).parent)
                (staging / name).write_bytes(content)
            remove(target)
            replace(staging, target)
    except OSError as error:
        raise HomeError(
            f"cannot copy {target.name} into {target.parent}: {error}", remedy="see that the home can be written"
        ) from error


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
    """Whether all of it lies there and nothing else: python would import a `json.py` that lies beside the worker."""
    known = {each.as_posix() for name in contents for each in (PurePosixPath(name), *PurePosixPath(name).parents)}
    try:
        entries = {".", *(path.relative_to(folder).as_posix() for path in folder.rglob("*"))}
        if entries != known or any((folder / name).is_symlink() for name in known):
            return False
        return all(
            (folder / name).is_file() and (folder / name).read_bytes() == each for name, each in contents.items()
        )
    except OSError:
        return False
