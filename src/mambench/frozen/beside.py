"""The home beside the program, where a person who downloaded it looks for what it wrote."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path, PurePath, PureWindowsPath

from mambench.frozen import bundle
from mambench.system import files, long_paths, places

HOME_NAME = "mambench-home"


def home_beside() -> tuple[Path | None, str]:
    """`mambench-home` beside the program, or None and why not, in words for the first screen."""
    folder = _beside(Path(sys.executable))
    problem = _unfit(folder)
    if problem is None:
        return folder / HOME_NAME, ""
    return None, f"{folder} {problem}, so everything is kept in your data folder"


def folder_beside() -> Path | None:
    """`mambench-home` beside the program, if it is there: on a stick without links or a read-only disk, too."""
    folder = _beside(Path(sys.executable)) / HOME_NAME
    return folder if folder.is_dir() else None


def _beside(executable: Path) -> Path:
    """Where the home goes: with the program, on macOS beside the program's folder, which may be replaced whole."""
    if sys.platform == "darwin" and not bundle.is_one_file():
        return executable.parent.parent
    return executable.parent


def _unfit(folder: Path) -> str | None:
    if "AppTranslocation" in folder.parts:
        return "is a read-only copy that macOS made"
    if sys.platform == "win32" and is_program_files(PureWindowsPath(folder), os.environ):
        return "is for programs only"
    home = folder / HOME_NAME
    if (service := places.synced_by(PurePath(folder), os.environ, user=places.user_folder(os.environ))) is not None:
        return f"is synced by {service}, which would copy files while they are measured"
    if places.is_remote(folder):
        return "is on a network drive"
    if long_paths.longest() is not None and len(str(home)) > long_paths.LONGEST_HOME:
        return "has a path that is too long for Windows"
    try:
        nearest = home if home.exists() else folder
        files.try_writing(nearest)
        return "has no symbolic links, which environments need" if files.has_no_links(nearest) else None
    except OSError as error:
        return f"cannot be written ({error.strerror})"


def is_program_files(folder: PurePath, environ: Mapping[str, str]) -> bool:
    """Whether Windows gives this folder to installed programs, where only administrators write."""
    names = ("PROGRAMFILES", "PROGRAMFILES(X86)", "PROGRAMW6432", "WINDIR")
    roots = [type(folder)(value) for name, value in environ.items() if name.upper() in names and value]
    return any(folder.is_relative_to(root) for root in roots)
