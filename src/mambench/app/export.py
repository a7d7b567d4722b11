"""The lock file of an environment, as the tools of its ecosystem read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mambench.app import installed
from mambench.app.context import Mambench
from mambench.environments.conda import pixi
from mambench.environments.integrity import some
from mambench.environments.pypi import pylock
from mambench.errors import UsageError
from mambench.model import Environment, Package, SourceName
from mambench.system import addresses

SOURCES: dict[str, SourceName] = {"explicit": "conda", "pixi": "conda", "pylock": "pypi"}
"""Whose environments a format is for."""


@dataclass(frozen=True)
class Exported:
    """A lock file, and what keeps it from being used as it is, in words."""

    text: str
    reservations: tuple[str, ...]


def export(app: Mambench, name: str, wanted: str | None) -> Exported:
    """The lock file of a ready environment; where several are ready, of the one whose format is wanted.

    Raises UsageError.
    """
    environment = installed.ready(app, name, source=SOURCES[wanted] if wanted else None)
    if not environment.lock_file:
        raise UsageError(
            f"the lock file of {environment.key} is gone", remedy=f"`mambench env check {name} --repair` makes it anew"
        )
    return Exported(_text(app, environment, wanted), tuple(_reservations(environment)))


def _text(app: Mambench, environment: Environment, wanted: str | None) -> str:
    assert environment.lock_file is not None and environment.prefix is not None
    platform = app.machine.platform
    if environment.source == "pypi":
        return pylock.portable(environment.lock_file)
    if wanted != "pixi":
        return f"# platform: {platform}\n{environment.lock_file}"
    app.home.prepare()
    with app.home.scratch() as folder:
        return pixi.lock_file(environment.prefix, platform=platform, channels=environment.channels, folder=folder)


def _reservations(environment: Environment) -> Iterator[str]:
    hidden = [package for package in environment.packages if addresses.STARS in (package.url or "")]
    local = [package for package in environment.packages if addresses.local_path(package.url or "") is not None]
    if hidden:
        yield f"a login or token is left out ({addresses.STARS}), put it in before use: {_named(hidden)}"
    if local:
        yield f"can be used on this computer only, as these come from its disk: {_named(local)}"


def _named(packages: Sequence[Package]) -> str:
    return some([f"{package.name} {package.version}" for package in packages])
