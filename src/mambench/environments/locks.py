"""Lock files as recipes: what a person or a report names is installed as it is, in the place of what a recipe names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mambench.environments.conda import explicit
from mambench.environments.prefix import Marker
from mambench.environments.pypi import pylock
from mambench.environments.pypi.target import Target
from mambench.errors import ProvisionError, UnavailableError, UsageError
from mambench.model import CondaRecipe, EnvironmentSpec, PypiRecipe, Reason, SourceName, Variables
from mambench.system import addresses, contents

FORMATS = "@EXPLICIT files of conda, and pylock.toml"

REMEDY = (
    "make one with `mambench env export`, `conda list --explicit`, `pixi workspace export conda-explicit-spec` or "
    "`uv export --format pylock.toml`"
)


def source_of(lock: str, *, name: str) -> SourceName:
    """Which source installs a lock file; `name` is for the message. Raises UsageError for a format that none takes."""
    if any(line.strip() == "@EXPLICIT" for line in lock.splitlines()):
        return "conda"
    try:
        if "lock-version" in contents.toml_in(lock):
            return "pypi"
    except ValueError:
        pass
    raise UsageError(f"{name} is no lock file of a kind that is taken: {FORMATS}", remedy=REMEDY)


def with_lock(
    spec: EnvironmentSpec,
    source: SourceName,
    lock: str,
    *,
    python: str,
    channels: Sequence[str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> EnvironmentSpec:
    """The stack made of a lock file, from that source only; channels and variables are the recipe's unless given.

    `python` is a specifier of the pythons that may carry it; a conda environment holds its own. Raises ProvisionError.
    """
    given: dict[str, Any] = {"lock": lock, "platforms": ()}
    if variables is not None:
        given["variables"] = Variables(variables)
    if source == "conda":
        conda = spec.conda or CondaRecipe((), ())
        given |= {"lock": explicit.plain(lock), "channels": conda.channels if channels is None else tuple(channels)}
        return replace(spec, conda=replace(conda, **given), pypi=None)
    return replace(spec, pypi=replace(spec.pypi or PypiRecipe("", ()), python=python, **given), conda=None)


def made_of(marker: Marker, spec: EnvironmentSpec, lock: str) -> EnvironmentSpec:
    """The stack as it was when a prefix was made of a lock file."""
    return with_lock(spec, marker.source, lock, python=minor(marker.python), channels=marker.channels)


def minor(release: str) -> str:
    """The pythons that a release such as `3.12.7` can be exchanged for, as a specifier."""
    return f"=={'.'.join(release.split('.')[:2])}.*"


def python_of(lock: str, source: SourceName, platform: str) -> str:
    """Which pythons may carry it, as a specifier; "" for conda.

    Raises UnavailableError for the lock file of another platform, ProvisionError for one that is damaged.
    """
    remedy = "name a lock file that was made for this platform"
    if source == "conda":
        folders = {(package.url or "").split("/")[-2] for package in explicit.packages_in(lock)}
        if others := sorted(folders - {platform, "noarch"}):
            message = f"the lock file is for {' and '.join(others)}, this is {platform}"
            raise UnavailableError(Reason.PLATFORM, message, remedy=remedy)
        return ""
    pythons = pylock.pythons_of(lock, platform)
    if pythons:
        first, last = (int(each.partition(".")[2]) for each in (pythons[0], pythons[-1]))
        return f"==3.{first}.*" if first == last else f">=3.{first},<3.{last + 1}"
    names = pylock.without_wheels(lock, platform)
    what = f"no wheel of {' and '.join(names)}" if names else "no wheels of one python"
    raise UnavailableError(Reason.PLATFORM, f"the lock file has {what} for {platform}", remedy=remedy)


def hosts(spec: EnvironmentSpec) -> str:
    """Where the packages of a stack that is made of a lock file come from, for messages; "" for this disk alone."""
    packages = explicit.packages_in(spec.conda.lock) if spec.conda is not None else ()
    packages += pylock.packages_in(spec.pypi.lock) if spec.pypi is not None else ()
    return addresses.hosts_of(package.url for package in packages if package.url)


def require_named(spec: EnvironmentSpec, lock: str, source: SourceName, *, platform: str) -> None:
    """See that a lock file names what the recipe does, in whatever version: the stack's kernel needs that.

    Raises UnavailableError, ProvisionError.
    """
    recipe = spec.conda if source == "conda" else spec.pypi
    if source == "conda":
        packages = explicit.packages_in(lock)
    else:
        packages = pylock.packages_in(lock, Target(platform, pylock.pythons_of(lock, platform)[0]))
    names = {package.name for package in packages}
    wanted = [name for pin in (recipe.packages if recipe is not None else ()) if (name := _name(pin, source))]
    if missing := [name for name in wanted if name not in names]:
        raise ProvisionError(
            f"the lock file names no {' and no '.join(missing)}, which {spec.name} needs",
            remedy="add it to what the lock file is made from, or name a stack whose packages it has",
        )


def _name(pin: str, source: SourceName) -> str:
    """Of `numpy==2.4.6`, `conda-forge::numpy=2.4.6`, `cupy-cuda12x[ctk]`; "" for what is for some platforms only."""
    match = re.match(r"(?:.*::)?\s*([A-Za-z0-9_][\w.-]*)", pin)
    if match is None or ";" in pin:
        return ""
    return match[1].lower() if source == "conda" else re.sub(r"[-_.]+", "-", match[1]).lower()
