"""Whether the paths of a stack fit into what Windows takes, told before anything is downloaded. Pure.

What a package holds is not known before its download: recipes tell the longest paths that were measured once.
"""

from __future__ import annotations

import re
from pathlib import Path

from mambench.environments.prefix import Draft
from mambench.errors import PathError, UnavailableError
from mambench.model import CondaRecipe, Package, PypiRecipe, Reason
from mambench.system.home import Home

UNMEASURED = 101
"""Of a package for which the recipe tells nothing: the longest in the wheels of numpy, jax and jaxlib (measured)."""

WHEEL_FOLDER = "archive-v0/0123456789abcdef/"
"""uv's cache holds an unpacked wheel in such a folder (measured with uv 0.13)."""

SHORTEST_HOME = len("C:\\m")

SITE_PACKAGES = "Lib/site-packages/"

REMEDY = (
    "choose a shorter --home, such as C:\\m, or let an administrator set LongPathsEnabled to 1 in "
    r"HKLM\SYSTEM\CurrentControlSet\Control\FileSystem"
)


def require_fitting(draft: Draft, home: Home, limit: int | None) -> Draft:
    """The draft, if its paths fit. Raises UnavailableError, so that the next source is tried."""
    if limit is None or (length := longest(draft, home)) <= limit:
        return draft
    room = max(0, len(str(home.root)) - (length - limit))
    fits = f"a home of up to {room} characters has room" if room > SHORTEST_HOME else "no home is short enough"
    message = f"its paths of about {length} characters are too long for Windows, which takes {limit}: {fits}"
    raise UnavailableError(Reason.SOURCE, message, remedy=REMEDY)


def longest(draft: Draft, home: Home) -> int:
    """Characters of the longest path that making the draft would need, in its prefix or a cache."""
    recipe = draft.spec.conda if draft.identity.source == "conda" else draft.spec.pypi
    inside = [(package, _inside(package, recipe)) for package in draft.packages]
    site = len(SITE_PACKAGES)
    prefix = len(str(draft.prefix)) + 1 + site
    if draft.identity.source == "conda":
        cached = [len(str(home.package_cache)) + 1 + _folder(package) + 1 + site + path for package, path in inside]
    else:
        cached = [len(str(home.uv_cache)) + 1 + len(WHEEL_FOLDER) + path for _, path in inside]
    return max([0, *cached, *(prefix + path for _, path in inside)])


def _inside(package: Package, recipe: CondaRecipe | PypiRecipe | None) -> int:
    return recipe.longest_paths.get(package.name, UNMEASURED) if recipe is not None else UNMEASURED


def _folder(package: Package) -> int:
    """Of an extracted conda package in micromamba's cache: `https/<host>/<channel>/<subdir>/<archive's name>`."""
    url = (package.url or "").replace("://", "/")
    return len(url.removesuffix(".conda").removesuffix(".tar.bz2"))


def failure(what: str, said: str, log: Path | None = None) -> PathError | None:
    """What an installer says, if it is about a path that Windows does not take."""
    if not re.search(r"os error (206|3)\)|filename or extension is too long|cannot find the path specified", said):
        return None
    return PathError(f"cannot {what}: a path is too long for Windows", remedy=REMEDY, log=log)
