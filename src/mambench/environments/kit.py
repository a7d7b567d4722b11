"""A kit: what a home holds so that environments can be made of it without a network.

    kit/<stack>-<digest>.json             what was fetched for a stack: its lock file, and the files that this names
    kit/packages/<part of a hash>/<name>  an archive of conda or a wheel, as it was published

Plain files with plain names, which any disk can carry. An entry is written last: one that is there had all its files.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from mambench.environments import pinned
from mambench.environments.integrity import RecordedFile
from mambench.environments.prefix import Draft, Identity
from mambench.errors import ProvisionError
from mambench.model import Event, OnEvent, Package, Provisioning, StackKey
from mambench.system import addresses, contents, files, network, values
from mambench.system.home import Home

_FOLDER_LENGTH = 16
"""Characters of the hash by which a package lies in a folder of its own."""

_NAME = re.compile(r"[0-9a-f]+/[\w+!~=-][\w.+!~=-]*")
"""What the files of wheels and of conda's archives are called, in their folder."""


@dataclass(frozen=True)
class KitFile:
    """A file of a kit, as it was fetched."""

    path: str
    """In `kit/packages`."""
    sha256: str
    size_bytes: int


@dataclass(frozen=True)
class Entry:
    """What was fetched for a stack, and when."""

    identity: Identity
    lock_file: str
    files: tuple[KitFile, ...]
    created: str
    warnings: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    """What the other computer must have of its own, such as `python 3.12`."""

    @property
    def key(self) -> StackKey:
        """The stack, and where it came from."""
        return StackKey(self.identity.name, self.identity.source)

    @property
    def python(self) -> str:
        """Of which python its wheels are; "" for conda, which brings its own."""
        return self.identity.base_python

    @property
    def size_bytes(self) -> int:
        """Of its files, whichever other stack needs them too."""
        return sum(file.size_bytes for file in self.files)


@dataclass(frozen=True)
class Broken:
    """An entry that cannot be read, and why."""

    file: Path
    why: str


class Kit:
    """The kit in a home, or the place for one."""

    def __init__(self, home: Home) -> None:
        self.folder = home.kit
        self._packages = home.kit / "packages"
        self._folders = [home.kit, *([home.beside / "kit"] if home.beside is not None else [])]

    def entries(self, stack: str = "") -> list[Entry | Broken]:
        """All that was fetched, or what may be a stack's, by name."""
        pattern = f"{stack}-*.json" if stack else "*.json"
        files = {file.name: file for folder in reversed(self._folders) for file in folder.glob(pattern)}
        return [_read(file) for name, file in sorted(files.items()) if not name.startswith(".")]

    def entry(self, identity: Identity) -> Entry | None:
        """What was fetched for a stack, whichever python it is for, the latest.

        Raises ProvisionError where what may be it is broken.
        """
        entries = []
        for each in self.entries(identity.name):
            if isinstance(each, Broken):
                raise ProvisionError(f"broken: {each.file}: {each.why}", remedy=_remedy(identity.name))
            if replace(each.identity, base_python=identity.base_python) == identity:
                entries.append(each)
        return max(entries, key=lambda entry: entry.created, default=None)

    def address_of(self, package: Package) -> str | None:
        """The URL that stands for the file of a package wherever the kit lies, if it has one. Nobody serves it."""
        return None if self.path_of(package) is None else f"http://kit.invalid/{_name_in_kit(package)}"

    def path_of(self, package: Package) -> Path | None:
        """The file of a package, if the kit has one."""
        name = _name_in_kit(package)
        path = self._path(name) if name is not None else None
        return path if path is not None and path.is_file() else None

    def _path(self, name: str) -> Path:
        paths = [folder / "packages" / name for folder in self._folders]
        return next((path for path in paths if path.is_file()), paths[0])

    def damage(self, entry: Entry, *, full: bool = True) -> Iterator[tuple[Path, str]]:
        """The files that are not as they were fetched, with what is wrong; `full` looks into them."""
        for file in entry.files:
            path = self._path(file.path)
            if (problem := RecordedFile(path, file.size_bytes, file.sha256).problem(full=full)) is not None:
                yield path, problem

    def require_whole(self, entry: Entry, *, full: bool = True) -> None:
        """Refuse an entry with a file that is not as it was fetched. Raises ProvisionError."""
        for path, problem in self.damage(entry, full=full):
            raise ProvisionError(f"the kit is damaged: {path} {problem}", remedy=_remedy(entry.identity.name))

    @contextlib.contextmanager
    def verified(self, draft: Draft) -> Iterator[None]:
        """While a draft of the kit is installed its files are looked into. Raises ProvisionError at the end."""
        entry = self.entry(draft.identity)
        if entry is None or entry.lock_file != draft.lock_file:
            yield
            return
        known = entry
        problems: list[ProvisionError] = []

        def look() -> None:
            try:
                self.require_whole(known)
            except ProvisionError as error:
                problems.append(error)

        thread = threading.Thread(target=look, daemon=True)  # which a person's Ctrl-C does not wait for
        thread.start()
        try:
            yield
        except Exception as error:
            thread.join()
            if problems:
                raise problems[0] from error
            raise
        thread.join()
        if problems:
            raise problems[0]

    def fetch(
        self,
        draft: Draft,
        urls: Sequence[str],
        on_event: OnEvent,
        *,
        lock_file: str,
        needs: Sequence[str] = (),
        variables: Mapping[str, str] | None = None,
    ) -> Entry:
        """Download the packages of a draft that are not here yet, each from its URL, logins included.

        `lock_file` is that of the draft as it may be shown: a kit goes from hand to hand.

        Raises NetworkError, ProvisionError.
        """
        paths = [self._path_for(package) for package in draft.packages]
        sizes = {path: package.size_bytes or 0 for path, package in zip(paths, draft.packages, strict=True)}
        wanted = [
            network.Download(url, path, package.sha256)
            for url, path, package in zip(urls, paths, draft.packages, strict=True)
            if RecordedFile(path, sha256=package.sha256).problem(full=True) is not None
        ]
        total = sum(sizes.values())
        kept = total - sum(sizes[each.path] for each in wanted)
        host = addresses.hosts_of(each.url for each in wanted)

        def on_bytes(come: int) -> None:
            on_event(Provisioning(draft.spec.name, "downloading", kept + come, total or None, host=host))

        try:
            for each in wanted:
                each.path.parent.mkdir(parents=True, exist_ok=True)
            network.download_all(wanted, on_bytes=on_bytes, variables=variables)
            entry = Entry(
                identity=draft.identity,
                lock_file=lock_file,
                files=tuple(map(self._file, draft.packages, paths)),
                created=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
                warnings=tuple(each for each in draft.warnings if not each.startswith("not from ")),
                needs=tuple(needs),
            )
            content = asdict(entry)
            name = f"{draft.identity.name}-{draft.identity.digest}.json"
            files.write(self.folder / name, json.dumps({**content, "sha256": _digest(content)}, indent=1))
            return entry
        except OSError as error:
            raise files.cannot_write(self.folder, error) from error

    def _file(self, package: Package, path: Path) -> KitFile:
        sha256 = package.sha256 or pinned.sha256_of(path)  # a known one was compared while it came
        if sha256 is None:
            raise ProvisionError(f"{path} cannot be read, though it has just been fetched", remedy="fetch it again")
        return KitFile(path.relative_to(self._packages).as_posix(), sha256, path.stat().st_size)

    def unneeded(self) -> list[Path]:
        """What no entry names: left by a fetch that was stopped, or of versions that were fetched before."""
        entries = self.entries()
        if any(isinstance(each, Broken) for each in entries):
            return []  # it may name any of them
        needed = {self._packages / file.path for each in entries if isinstance(each, Entry) for file in each.files}
        return [path for path in self._packages.glob("*/*") if path not in needed]

    def _path_for(self, package: Package) -> Path:
        if (name := _name_in_kit(package)) is None:
            raise ProvisionError(f"the lock file names no file of {package.name} {package.version}")
        return self._packages / name


def told_as_unpacking(on_event: OnEvent, event: Event) -> None:
    """What an installer does for the cache alone is no installing."""
    on_event(replace(event, phase="unpacking") if isinstance(event, Provisioning) else event)


def _name_in_kit(package: Package) -> str | None:
    """By its hash, or by its address where that is unknown."""
    key = package.sha256 or hashlib.sha256((package.url or "").encode()).hexdigest()
    name = f"{key[:_FOLDER_LENGTH]}/{unquote((package.url or '').rpartition('/')[2])}"
    return name if _NAME.fullmatch(name) else None


def _remedy(stack: str) -> str:
    return f"`mambench fetch {stack}` on a computer with a network fetches it again; or copy the kit anew"


def _read(file: Path) -> Entry | Broken:
    try:
        return _entry(values.table(contents.json_in(contents.text_of(file))))
    except KeyError as error:
        return Broken(file, f"{error} is missing")
    except (OSError, ValueError, TypeError) as error:
        return Broken(file, contents.words(error))


def _digest(content: Mapping[str, Any]) -> str:
    """Of an entry without its own hash."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _entry(content: Mapping[str, Any]) -> Entry:
    """Raises KeyError, TypeError, ValueError for what is none."""
    if content["sha256"] != _digest({name: content[name] for name in content if name != "sha256"}):
        raise ValueError("it was changed since it was fetched")
    identity = values.table(content["identity"])
    return Entry(
        identity=Identity(
            name=values.word(identity["name"]),
            source=values.source(identity["source"]),
            platform=values.word(identity["platform"]),
            packages=values.several(values.string, identity["packages"]),
            channels=values.several(values.string, identity["channels"]),
            base_python=values.string(identity["base_python"]),
        ),
        lock_file=values.word(content["lock_file"]),
        files=values.several(_kit_file, content["files"]),
        created=values.instant(content["created"]),
        warnings=values.several(values.string, content["warnings"]),
        needs=values.several(values.string, content["needs"]),
    )


def _kit_file(content: Any) -> KitFile:
    file = values.table(content)
    if not _NAME.fullmatch(values.word(file["path"])):
        raise ValueError(f"{values.shown(file['path'])} is no file of a kit")
    return KitFile(file["path"], values.word(file["sha256"]), values.whole(file["size_bytes"]))
