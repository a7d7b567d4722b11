"""Which folder is the home of this invocation, and whether environments can live there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from mambench.app.findings import Finding
from mambench.errors import HomeError
from mambench.frozen.beside import home_beside
from mambench.system import resources
from mambench.system.home import Home

LONGEST_WINDOWS_HOME = 100
"""Windows' 260 characters, less the longest path inside an environment of TensorFlow (measured: 150)."""

LONGEST_CONDA_PREFIX = 255
"""conda packages hold a placeholder of 255 characters where the prefix is written into binaries."""

PREFIX_ROOM = 45
"""`/envs/<name>-<digest>` with the longest of our names."""


def home_from(option: str | None, environ: Mapping[str, str]) -> Home:
    """--home, MAMBENCH_HOME, when frozen `mambench-home` beside the program, else the user's data folder.

    Raises HomeError.
    """
    name, folder = ("--home", option) if option else ("MAMBENCH_HOME", environ.get("MAMBENCH_HOME"))
    if folder:
        try:
            return Home(Path(folder).expanduser().absolute())
        except (OSError, RuntimeError) as error:
            raise HomeError(
                f"{name} {folder} cannot be a folder: {error}", remedy="give an absolute path there"
            ) from error
    beside, note = home_beside() if resources.is_frozen() else (None, "")
    if beside is not None:
        return Home(beside)
    import platformdirs

    try:
        return Home(Path(platformdirs.user_data_dir("mambench", appauthor=False)), note)
    except (RuntimeError, KeyError, OSError) as error:
        raise HomeError(
            f"the user's data folder could not be found: {error}", remedy="name one with --home DIR"
        ) from error


def require_suitable(home: Home, platform: str) -> None:
    """Refuse a home in which environments could not work. Raises HomeError."""
    problem = unsuitable(home.root, platform)
    if problem is not None:
        raise HomeError(f"{problem.message}: {home.root}", remedy=problem.remedy)


def unsuitable(root: Path, platform: str) -> Finding | None:
    """Why environments cannot live at this path, if they cannot."""
    length = len(str(root))
    shorter = "choose a shorter folder with --home DIR or MAMBENCH_HOME"
    if platform.startswith("win-"):
        if length > LONGEST_WINDOWS_HOME:
            return Finding("path", "wrong", f"the home's path has {length} characters, too many for Windows", shorter)
        if str(root).startswith("\\\\"):
            return Finding("path", "wrong", "the home is on a network drive, where conda environments break", shorter)
    if length + PREFIX_ROOM > LONGEST_CONDA_PREFIX:
        message = f"the home's path has {length} characters, too many to be written into conda packages"
        return Finding("path", "wrong", message, shorter)
    return None
