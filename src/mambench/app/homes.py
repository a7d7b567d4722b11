"""Which folder is the home of this invocation, and whether environments can live there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath

from mambench.app.findings import Finding
from mambench.errors import HomeError
from mambench.frozen.beside import folder_beside, home_beside
from mambench.system import locks, long_paths, places, resources, trust
from mambench.system.home import Home

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
            root = _in_utf8(Path(folder).expanduser().absolute())
            root.exists()  # raises for what cannot be a name
            doubt = synced(root, environ)
            return Home(root, doubt.words if doubt is not None else "", node=_node(root))
        except (OSError, RuntimeError) as error:
            raise HomeError(
                f"{name} {folder} cannot be a folder: {error}", remedy="give an absolute path there"
            ) from error
    beside, note = home_beside() if resources.is_frozen() else (None, "")
    if beside is not None:
        return Home(_in_utf8(beside), node=_node(beside))
    import platformdirs

    try:
        root = Path(platformdirs.user_data_dir("mambench", appauthor=False))
    except (RuntimeError, KeyError, OSError) as error:  # a user without a name, and no HOME
        raise _no_data_folder() from error
    if not root.is_absolute():  # the same: `~` stays as it is
        raise _no_data_folder()
    return Home(_in_utf8(root), note, beside=folder_beside() if resources.is_frozen() else None, node=_node(root))


def _node(root: Path) -> str:
    """This computer's name, in a home that others may use too."""
    return places.computer() if locks.is_shared(root) else ""


def _no_data_folder() -> HomeError:
    why = "HOME is not set, and this user has no name"
    return HomeError(f"the user's data folder could not be found: {why}", remedy="name one with --home DIR")


def _in_utf8(root: Path) -> Path:
    """The path, unless package managers could not be told it. Raises HomeError."""
    try:
        os.fsencode(root).decode("utf-8")
    except UnicodeDecodeError as error:
        shown = os.fsencode(root).decode("utf-8", "backslashreplace")
        raise HomeError(f"the home's path is not UTF-8: {shown}", remedy="choose another with --home DIR") from error
    return root


def require_suitable(home: Home, platform: str) -> None:
    """Refuse a home in which environments could not work. Raises HomeError."""
    remote = places.is_remote(home.root)
    problem = unsuitable(home.root, platform, path_limit=long_paths.longest(), remote=remote)
    if problem is not None:
        raise HomeError(f"{problem.message}: {home.root}", remedy=problem.remedy)


def unsuitable(root: Path, platform: str, *, path_limit: int | None, remote: bool = False) -> Finding | None:
    """Why environments cannot live at this path, if they cannot."""
    length = len(str(root))
    shorter = "choose a shorter folder with --home DIR or MAMBENCH_HOME"
    if remote:
        own = "choose a folder on a disk of this computer with --home DIR or MAMBENCH_HOME"
        return Finding("path", "wrong", "the home is on a network drive, where conda environments break", own)
    if path_limit is not None and length > long_paths.LONGEST_HOME:
        return Finding("path", "wrong", f"the home's path has {length} characters, too many for Windows", shorter)
    if not platform.startswith("win-") and length + PREFIX_ROOM > LONGEST_CONDA_PREFIX:
        message = f"the home's path has {length} characters, too many to be written into conda packages"
        return Finding("path", "wrong", message, shorter)
    return None


def require_safe(home: Home, say: Callable[[str], None]) -> None:
    """Run no code as the administrator that anybody may have written; other doubts are said. Raises HomeError."""
    doubt = shared(home)
    if doubt is None:
        return
    if doubt.state == "wrong":
        raise HomeError(doubt.message, remedy=doubt.remedy)
    say(f"warning: {doubt.words}")


def shared(home: Home) -> Finding | None:
    """Whose code could run from this home beside our own; `wrong` where it must not."""
    path, other = trust.open_to_all(home), trust.of_another(home)
    administrator = trust.is_administrator()
    if path is not None:
        refused = administrator and other is not None
        message = f"every user of this computer may change {path}, and what lies there is run"
        if refused and other is not None:
            message = f"{message} as root; {other[0]} belongs to user {other[1]}"
        own = "choose a home of your own with --home DIR" if refused else "see that what lies there is yours"
        return Finding("home", "wrong" if refused else "note", message, f"{own}, or chmod -R o-w {home.root}")
    if administrator and other is not None:
        message = f"{other[0]} belongs to user {other[1]}, and what lies there is run as root"
        return Finding("home", "note", message, "choose a home of your own with --home DIR")
    return None


def synced(root: Path, environ: Mapping[str, str]) -> Finding | None:
    """What is wrong with a home that a service copies to a cloud; it can be used all the same."""
    service = places.synced_by(PurePath(root), environ, user=places.user_folder(environ))
    if service is None:
        return None
    message = f"the home {root} is synced by {service}, which copies files while they are measured"
    return Finding("synced", "wrong", message, "choose another folder with --home DIR or MAMBENCH_HOME")
