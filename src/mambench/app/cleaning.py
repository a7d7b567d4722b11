"""What a home holds and nothing needs: found and deleted.

Needed are finished environments with their lock files, the pythons and programs they are made with, reports, logs, and
what the user put there. Caches are not: an environment holds all that it runs, and what was downloaded can be again.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from mambench.app.alone import alone, nobody_else
from mambench.app.context import Mambench
from mambench.app.installed import caches
from mambench.environments import prefix
from mambench.environments.conda import bootstrap
from mambench.environments.kit import Kit
from mambench.environments.provision import remove_all
from mambench.environments.pypi import wheel
from mambench.errors import UnavailableError
from mambench.system import resources


def clean(app: Mambench) -> int:
    """Delete what nothing needs, and give the bytes that are free again. Raises HomeError.

    Not while another mambench is at work here, which needs caches and temporary files.
    """
    home = app.home
    home.prepare()
    with alone(app, "mambench doctor --clean", sweep=False), nobody_else(home):
        entries = list(prefix.existing(home))
        unfinished = [entry for entry in entries if entry.marker is None]
        finished = [entry for entry in entries if entry.marker is not None]
        folders = [*caches(home), home.private, home.code, *_unused_tools(app, finished), *_orphans(app, finished)]
        folders += Kit(home).unneeded()
        apart = (path for path in home.leftovers(alone=True) if not any(map(path.is_relative_to, folders)))
        return remove_all(home, unfinished, caches=[*folders, *apart], on_event=app.terminal.on_event)


def _orphans(app: Mambench, finished: list[prefix.Installed]) -> Iterator[Path]:
    """Lock files of environments that are gone: without caches they make nothing offline."""
    kept = {prefix.lock_path(entry.prefix) for entry in finished}
    yield from (lock for lock in app.home.environments.glob("*.lock") if lock not in kept)


def _unused_tools(app: Mambench, finished: list[prefix.Installed]) -> Iterator[Path]:
    """Programs of earlier versions, and fetched pythons on which no environment stands."""
    home, pythons = app.home, app.home.tools / "pythons"
    kept = set()
    for read_pin, file, name in (
        (bootstrap.read_pin, resources.micromamba() / "micromamba.toml", "micromamba"),
        (wheel.read_pin, resources.uv(), "uv"),
    ):
        with contextlib.suppress(UnavailableError):
            kept.add(f"{name}-{read_pin(file, app.machine.platform).version}")
    yield from (folder for folder in home.tools.glob("*-*") if folder.name not in kept)
    bases = [Path(entry.marker.base_python).resolve() for entry in finished if entry.marker]
    yield from (
        folder for folder in pythons.glob("*-*") if not any(base.is_relative_to(folder.resolve()) for base in bases)
    )
