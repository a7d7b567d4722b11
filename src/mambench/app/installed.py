"""What is installed in the home: looked at, made use of, removed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from mambench.app.alone import alone
from mambench.app.context import Mambench
from mambench.catalogue import feasibility, fields
from mambench.catalogue import plan as planning
from mambench.environments import locks, prefix, provision
from mambench.errors import UsageError
from mambench.model import Environment, EnvironmentSpec, SourceName
from mambench.system import files
from mambench.system.home import Home


@dataclass(frozen=True)
class Installed:
    """A prefix in the home with the files in it; one without a source is unfinished."""

    entry: prefix.Installed
    tree: files.Files

    @property
    def name(self) -> str:
        """The stack's."""
        return self.entry.name

    @property
    def prefix(self) -> Path:
        """Its folder."""
        return self.entry.prefix

    @property
    def source(self) -> str | None:
        """Where its packages came from."""
        return self.entry.marker.source if self.entry.marker else None

    @property
    def state(self) -> str:
        """`ready`, `moved` if it was made in another folder, or `unfinished`."""
        if self.entry.marker is None:
            return "unfinished"
        return "moved" if self.entry.moved_from else "ready"

    @property
    def python(self) -> str | None:
        """The version."""
        return self.entry.marker.python if self.entry.marker else None

    @property
    def size_bytes(self) -> int:
        """Of everything in it, whoever shares it."""
        return sum(size for _, _, size in self.tree.values())

    @property
    def freed_bytes(self) -> int:
        """What is free when it alone is removed: what other prefixes and caches share stays."""
        return files.freed_bytes(self.tree)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": self.name,
            "source": self.source,
            "state": self.state,
            "python": self.python,
            "created": self.entry.marker.created if self.entry.marker else None,
            "size_bytes": self.size_bytes,
            "freed_bytes": self.freed_bytes,
            "prefix": str(self.prefix),
        }


def installed(home: Home) -> list[Installed]:
    """Every prefix in the home, wrecks too."""
    return [Installed(entry, files.files_in(entry.prefix)) for entry in prefix.existing(home)]


def caches(home: Home) -> list[Path]:
    """What was downloaded; it is downloaded again when needed."""
    folders = (home.cache, home.mamba_root, *([home.package_cache, home.uv_cache] if home.short else []))
    return [folder for folder in folders if folder.is_dir()]


def remove(app: Mambench, entries: Sequence[prefix.Installed], *, and_caches: bool, command: str) -> int:
    """Remove prefixes, while nothing is measured with them; gives the bytes that are free again.

    `command` is what others that wait are told. Raises HomeError.
    """
    folders = [*caches(app.home), app.home.kit] if and_caches else []
    with alone(app, command, everywhere=True):
        return provision.remove_all(app.home, entries, caches=folders, on_event=app.terminal.on_event)


def named(home: Home, names: Collection[str]) -> list[prefix.Installed]:
    """The prefixes of these stacks, whatever their source. Raises UsageError for a name that has none."""
    entries = list(prefix.existing(home))
    known = {entry.name for entry in entries}
    for name in names:
        if name not in known:
            raise UsageError(f"{name!r} is not installed; {fields.nearest(name, known or {'nothing'})}")
    return [entry for entry in entries if entry.name in names]


def ready_stacks(
    app: Mambench, specs: Iterable[EnvironmentSpec], channels: Sequence[str] = ()
) -> dict[str, Environment]:
    """Those of the stacks that are ready here, by name; asks no network."""
    environments = app.environments(offline=True, channels=channels)
    platform = app.machine.platform
    answers = {spec.name: environments.ready(spec, feasibility.sources_on(spec, platform)) for spec in specs}
    return {name: environment for name, environment in answers.items() if environment is not None}


def ready(app: Mambench, name: str, *, source: SourceName | None = None) -> Environment:
    """The ready environment of a stack, from any source or the one that is named: of the recipe, or of a lock file.

    Raises UsageError.
    """
    spec = planning.known_stack(name, app.catalogue)
    if source is not None:
        spec = replace(spec, pypi=None) if source == "conda" else replace(spec, conda=None)
    made_from: list[tuple[str, ...]] = [marker.channels for marker in _markers(app.home, name)]
    for channels in ((), *made_from):  # the recipe's, then those that --channel named when it was made
        if environment := ready_stacks(app, [spec], channels).get(name):
            return environment
    for entry in prefix.existing(app.home):
        made = entry.marker if entry.name == name and entry.marker and entry.marker.of_lock else None
        if made is not None and source in (None, made.source) and (lock := entry.lock_file()):
            locked = locks.made_of(made, spec, lock)
            if environment := ready_stacks(app, [locked], made.channels).get(name):
                return environment
    moved = (entry.moved_from for entry in prefix.existing(app.home) if entry.name == name and entry.moved_from)
    if there := next(moved, ""):
        raise UsageError(f"{name} was made in {there}", remedy=f"`mambench env create {name}` makes it anew here")
    words = f" from {'conda' if source == 'conda' else 'PyPI'}" if source is not None else ""
    option = f" --source {source}" if source is not None else ""
    raise UsageError(f"{name} is not installed{words}", remedy=f"`mambench env create {name}{option}` makes it")


def _markers(home: Home, name: str) -> list[prefix.Marker]:
    """Of the finished environments of this name, the newest first."""
    markers = [entry.marker for entry in prefix.existing(home) if entry.marker and entry.name == name]
    return sorted(markers, key=lambda marker: marker.created, reverse=True)
