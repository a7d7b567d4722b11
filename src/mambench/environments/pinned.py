"""Programs that we bring ourselves, micromamba and uv: pinned by SHA-256, kept in the home, verified at every use."""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path
from typing import Any

from mambench.environments import activation
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import Reason
from mambench.system import files
from mambench.system.home import Home


def read(file: Path, platform: str, *, program: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a file of pins says for every platform, and for this one. Raises UnavailableError where it is left out."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    entry = content.get(platform)
    if entry is None:
        raise UnavailableError(Reason.SOURCE, f"there is no {program} for {platform}")
    return content, entry


def path_in(home: Home, program: str, version: str, *, platform: str) -> Path:
    """Where the program is kept."""
    return home.tools / f"{program}-{version}" / (f"{program}.exe" if activation.is_windows(platform) else program)


def is_here(home: Home, target: Path, *, sha256: str) -> bool:
    """Whether the program is in the home and nobody changed it; taken over from beside the program if it is there.

    Raises ProvisionError.
    """
    if sha256_of(target) == sha256:
        return True
    other = home.beside / target.relative_to(home.root) if home.beside is not None else None
    if other is None or sha256_of(other) != sha256:
        return False
    place(other.read_bytes(), target)
    return True


def keep(content: bytes, target: Path, *, sha256: str, archive: str) -> None:
    """Write the program that came out of `archive`, if it is the pinned one. Raises ProvisionError."""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ProvisionError(
            f"the program in {archive} is not the official one: its SHA-256 differs", remedy="download mambench again"
        )
    place(content, target)


def place(content: bytes, target: Path) -> None:
    """Write a program, or a library that it needs. Raises ProvisionError."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(target, content, executable=True)
    except OSError as error:
        raise files.cannot_write(target, error) from error


def cannot_unpack(archive: str, error: Exception) -> ProvisionError:
    """For whatever is wrong with an archive."""
    return ProvisionError(f"cannot unpack {archive}: {error}", remedy="download mambench again")


def sha256_of(path: Path) -> str | None:
    """The file's hash; None where it cannot be read, or is no regular file."""
    if not path.is_file():
        return None
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
