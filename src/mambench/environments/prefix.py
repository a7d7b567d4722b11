"""Prefixes: their names, the marker that makes one valid, and getting rid of them.

A prefix is `<home>/envs/<name>-<digest>`, on Windows `e/<digest>`. Its marker is written last; without a valid one it
is a wreck.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mambench.environments import activation, integrity, pinned
from mambench.errors import ProvisionError
from mambench.model import CondaRecipe, Environment, EnvironmentSpec, Package, PypiRecipe, SourceName
from mambench.system import addresses, contents, files, values
from mambench.system.home import Home

MARKER = "mambench-marker.json"
_DIGEST_LENGTH = 10


@dataclass(frozen=True)
class Identity:
    """What makes two prefixes of a stack the same: source, platform, packages, channels, base python."""

    name: str
    source: SourceName
    platform: str
    packages: tuple[str, ...]
    channels: tuple[str, ...]
    base_python: str

    @property
    def digest(self) -> str:
        """Over everything but the name."""
        content = {
            "source": self.source,
            "platform": self.platform,
            "packages": sorted(normalised(package) for package in self.packages),
            "channels": list(self.channels),
            "base_python": self.base_python,
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:_DIGEST_LENGTH]


@dataclass(frozen=True)
class Marker:
    """What is written into a prefix last: what it was made of, when, and what is in it."""

    digest: str
    name: str
    source: SourceName
    channels: tuple[str, ...]
    base_python: str
    python: str
    created: str
    packages: tuple[Package, ...]
    lock_sha256: str = ""
    warnings: tuple[str, ...] = ()
    installer_variables: Mapping[str, str] = field(default_factory=dict)
    own_files: Mapping[str, str | None] = field(default_factory=dict)
    """What no package says the truth of: SHA-256, or where a link leads."""
    prefix: str = ""
    """Where it was made: the paths of other places are written into it."""
    of_lock: bool = False
    """Whether a lock file was named, instead of what a recipe would be solved to."""


@dataclass(frozen=True)
class Draft:
    """A stack that is solved but not installed."""

    spec: EnvironmentSpec
    identity: Identity
    prefix: Path
    base_python: str
    lock_file: str
    packages: tuple[Package, ...]
    warnings: tuple[str, ...] = ()
    missing: tuple[Package, ...] | None = None
    """Those of its packages that are to be downloaded; None: all of them."""
    installer_variables: Mapping[str, str] = field(default_factory=dict)

    @property
    def downloads(self) -> tuple[Package, ...]:
        """What is to be downloaded, as far as that is known."""
        return self.packages if self.missing is None else self.missing

    @property
    def download_bytes(self) -> int:
        """What that weighs, as far as it is known."""
        return sum(package.size_bytes or 0 for package in self.downloads)

    @property
    def unsized(self) -> int:
        """How many of the downloads nobody told the size of."""
        return sum(package.size_bytes is None for package in self.downloads)


def normalised(package: str) -> str:
    """`NumPy == 2.4.6` -> `numpy==2.4.6`."""
    return "".join(package.split()).lower()


def pins(recipe: CondaRecipe | PypiRecipe) -> tuple[str, ...]:
    """What a prefix is made from: a lock file never stands in the prefix of the packages that it was solved from."""
    return (f"lock={hashlib.sha256(recipe.lock.encode()).hexdigest()}",) if recipe.lock else recipe.packages


def prefix_of(home: Home, identity: Identity) -> Path:
    """Where the prefix of this identity lies."""
    return home.environments / (identity.digest if home.short else f"{identity.name}-{identity.digest}")


def lock_path(prefix: Path) -> Path:
    """The lock file, beside the prefix."""
    return prefix.with_name(f"{prefix.name}.lock")


def ready(spec: EnvironmentSpec, identity: Identity, prefix: Path) -> Environment | None:
    """The environment in `prefix`, if its marker is valid and its python is there, a venv's base python too."""
    marker, _ = _read_marker(prefix)
    python = activation.python_in(identity.platform, prefix, source=identity.source)
    if marker is None or marker.digest != identity.digest or not python.exists() or _made_elsewhere(prefix, marker):
        return None
    try:
        # On Windows a venv's python is a copy, which is still there when the base it starts is gone.
        if identity.source == "pypi" and not Path(marker.base_python).exists():
            return None
        return _environment(spec, identity, prefix, marker)
    except (OSError, ValueError):  # its lock file cannot be read
        return None


def _made_elsewhere(prefix: Path, marker: Marker) -> bool:
    """Whether the home, or this folder of it, was moved or copied since."""
    return bool(marker.prefix) and marker.prefix != os.path.realpath(prefix)


def finish(draft: Draft, *, version: str, lock_file: str, on_disk: Iterable[integrity.PackageOnDisk]) -> Environment:
    """Write lock file and marker of an installed prefix that holds its packages: from now on it is valid.

    Raises OSError, and ProvisionError where what is `on_disk` is something else.
    """
    on_disk = tuple(on_disk)
    if wrong := integrity.missing(draft.packages, on_disk):
        raise ProvisionError(
            f"the environment does not hold what its lock file names: {', '.join(wrong)}",
            remedy="try again; if it stays, the installer does not do what it was told",
        )
    files.write(lock_path(draft.prefix), lock_file)
    marker = Marker(
        digest=draft.identity.digest,
        name=draft.identity.name,
        source=draft.identity.source,
        channels=draft.identity.channels,
        base_python=draft.base_python,
        python=version,
        created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        packages=draft.packages,
        lock_sha256=hashlib.sha256(lock_file.encode()).hexdigest(),
        warnings=draft.warnings,
        installer_variables=dict(draft.installer_variables),
        own_files={name: _fingerprint(draft.prefix / name) for name in _own_files(draft, on_disk)},
        prefix=os.path.realpath(draft.prefix),
        of_lock=bool((recipe := _recipe(draft.spec, draft.identity)) and recipe.lock),
    )
    files.write(draft.prefix / MARKER, json.dumps(asdict(marker), indent=1))
    return _environment(draft.spec, draft.identity, draft.prefix, marker)


def _own_files(draft: Draft, on_disk: Iterable[integrity.PackageOnDisk]) -> list[str]:
    """What no package says the truth of: what makes a prefix one of its python, and what is not as its package has it.

    Some wheels are published so, scipy-openblas64's among them: a library was changed after its size was written down.
    """
    python = activation.python_in(draft.identity.platform, draft.prefix, source=draft.identity.source)
    published = (path for _, path, _ in integrity.damage(on_disk, full=False))
    paths = (python, draft.prefix / "pyvenv.cfg", *published)
    return [path.relative_to(draft.prefix).as_posix() for path in paths if path.exists()]


def _fingerprint(path: Path) -> str | None:
    return f"-> {os.readlink(path)}" if path.is_symlink() else pinned.sha256_of(path)


def _recipe(spec: EnvironmentSpec, identity: Identity) -> CondaRecipe | PypiRecipe | None:
    return spec.conda if identity.source == "conda" else spec.pypi


def remove(prefix: Path, *, keep_lock: bool = False) -> None:
    """Delete a prefix and its lock file, the marker first: what is half deleted is a wreck. Raises OSError."""
    files.remove(prefix / MARKER)
    if prefix.exists() or prefix.is_symlink():
        files.remove(prefix)
    if not keep_lock:
        files.remove(lock_path(prefix))


@dataclass(frozen=True)
class Installed:
    """A prefix that lies in the home; `marker` is None for a wreck."""

    prefix: Path
    marker: Marker | None
    problem: str = ""
    """Why the marker that is there counts for nothing."""

    @property
    def moved_from(self) -> str:
        """Where it was made, if that is elsewhere: it is made anew before it is used."""
        return self.marker.prefix if self.marker is not None and _made_elsewhere(self.prefix, self.marker) else ""

    def packages(self) -> tuple[Package, ...]:
        """Those that its marker names."""
        return self.marker.packages if self.marker else ()

    def own_damage(self) -> list[str]:
        """What is wrong with the files of which its packages say nothing true, in words."""
        if self.marker is None:
            return []
        words = [
            f"{name} is gone" if not (self.prefix / name).exists() else f"{name} was replaced"
            for name, known in self.marker.own_files.items()
            if _fingerprint(self.prefix / name) != known or not (self.prefix / name).exists()
        ]
        problem = self._lock.problem(full=True)
        return words if problem is None else [*words, f"its lock file {problem}"]

    def lock_file(self) -> str | None:
        """The text of its lock file, unless that is damaged, or lacks secrets that addresses in it had."""
        if self._lock.problem(full=True) is not None:
            return None
        text = contents.text_of(self._lock.path)
        return None if addresses.STARS in text else text

    @property
    def _lock(self) -> integrity.RecordedFile:
        known = self.marker.lock_sha256 if self.marker is not None else ""
        return integrity.RecordedFile(lock_path(self.prefix), sha256=known or None)

    @property
    def name(self) -> str:
        """The stack's name; of a wreck, what its folder tells."""
        name, _, digest = self.prefix.name.rpartition("-")
        return self.marker.name if self.marker else name or digest


def look(prefix: Path) -> Installed:
    """The prefix with its marker."""
    return Installed(prefix, *_read_marker(prefix))


def existing(home: Home) -> Iterable[Installed]:
    """Every prefix in the home, wrecks too."""
    if not home.environments.is_dir():
        return
    for prefix in sorted(home.environments.iterdir()):
        if prefix.is_dir() and not prefix.name.startswith("."):
            yield look(prefix)


def _read_marker(prefix: Path) -> tuple[Marker | None, str]:
    """What the marker says, and where something else is in its place, what is wrong with that."""
    try:
        return _marker(contents.json_in(contents.text_of(prefix / MARKER))), ""
    except FileNotFoundError:
        return None, ""
    except KeyError as error:
        return None, f"{MARKER}: {error} is missing"
    except (OSError, ValueError, TypeError, AttributeError) as error:
        return None, f"{MARKER}: {contents.words(error)}"


def _marker(content: Mapping[str, Any]) -> Marker:
    """Raises KeyError, TypeError, ValueError, AttributeError for what is none."""
    content = values.table(content)
    return Marker(
        **{name: values.word(content[name]) for name in ("digest", "name", "base_python", "python", "created")},
        source=values.source(content["source"]),
        channels=values.several(values.string, content["channels"]),
        packages=values.several(_package, content["packages"]),
        lock_sha256=values.string(content.get("lock_sha256", "")),
        warnings=values.several(values.string, content.get("warnings", [])),
        installer_variables=values.texts(content.get("installer_variables", {})),
        own_files={
            values.string(name): values.maybe(values.string, known)
            for name, known in values.table(content.get("own_files", {})).items()
        },
        prefix=values.string(content.get("prefix", "")),
        of_lock=values.flag(content.get("of_lock", False)),
    )


def _package(content: Mapping[str, Any]) -> Package:
    told = {name: values.maybe(values.string, content.get(name)) for name in ("build", "channel", "url", "sha256")}
    size_bytes = values.maybe(values.whole, content.get("size_bytes"))
    return Package(values.word(content["name"]), values.string(content["version"]), **told, size_bytes=size_bytes)


def _environment(spec: EnvironmentSpec, identity: Identity, prefix: Path, marker: Marker) -> Environment:
    lock_file = lock_path(prefix)
    recipe = _recipe(spec, identity)
    return Environment(
        spec=spec,
        source=identity.source,
        python=activation.python_in(identity.platform, prefix, source=identity.source),
        prefix=prefix,
        version=marker.python,
        channels=marker.channels,
        packages=marker.packages,
        lock_file=contents.text_of(lock_file) if lock_file.exists() else None,
        variables=recipe.variables.on(identity.platform) if recipe is not None else {},
        warnings=marker.warnings,
        installer_variables=marker.installer_variables,
    )
