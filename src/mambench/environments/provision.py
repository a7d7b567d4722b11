"""Stacks made ready: prepare(stack) finds or solves one, install(draft) builds it.

One class a source does it: `CondaSource`, `PypiSource`, `ExistingSource`.
"""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from mambench.environments import integrity, locks, path_lengths, pinned
from mambench.environments.integrity import PackageOnDisk
from mambench.environments.kit import Entry, Kit
from mambench.environments.prefix import Draft, Installed, existing, look, remove
from mambench.environments.source import Source
from mambench.environments.turns import Turn
from mambench.errors import HomeError, MambenchError, NetworkError, PathError, ProvisionError, UnavailableError
from mambench.model import Environment, EnvironmentSpec, Note, OnEvent, Provisioning, Reason, SourceName, Stack
from mambench.system import files, mutex, presence
from mambench.system.home import Home

_logger = logging.getLogger(__name__)

_PATH_WINERRORS = (3, 206)
"""ERROR_PATH_NOT_FOUND and ERROR_FILENAME_EXCED_RANGE: what Windows says of a path that is too long."""


class Environments:
    """All stacks, whatever their source."""

    def __init__(self, home: Home, sources: Mapping[SourceName, Source], *, on_event: OnEvent) -> None:
        self._home, self._sources, self._on_event = home, sources, on_event
        self._turn = Turn(home, on_event)

    def ready(self, spec: EnvironmentSpec, sources: Sequence[SourceName]) -> Environment | None:
        """The first of the sources that is ready; asks no network."""
        for source in sources:
            with contextlib.suppress(MambenchError):
                if source in self._sources and (environment := self._sources[source].ready(spec)) is not None:
                    return environment
        return None

    def turn(self, names: Iterable[str]) -> AbstractContextManager[None]:
        """Held while environments of these names are made. Raises HomeError."""
        return self._turn.held(names)

    def prepare(self, stack: Stack) -> Environment | Draft:
        """A ready environment, or the draft of one from the first source that can be reached.

        Raises the last source's ProvisionError or UnavailableError when none can; it names the stack to take instead.
        """
        if (environment := self.ready(stack.spec, stack.sources)) is not None:
            return environment
        _require_links(self._home)
        try:
            with self._home.watched(), _told_of_the_disk(self._home), self._turn.attempt(stack):
                return self._known(stack.spec, stack.sources) or self._solve_first(stack.spec, stack.sources)
        except (ProvisionError, UnavailableError) as error:
            if stack.spec.instead:
                error.remedy = "; or ".join(filter(None, (error.remedy, f"take {stack.spec.instead} instead")))
            raise

    def _known(self, spec: EnvironmentSpec, sources: Sequence[SourceName]) -> Draft | None:
        """What needs no solving: from the kit, or from the lock file of a prefix that was made in another folder."""
        for name in sources:
            try:
                if (draft := self._source(name).from_kit(spec, self._on_event)) is not None:
                    return draft
            except UnavailableError as error:
                self._on_event(Note(f"{spec.name} is not made of the kit: {error}"))
        self._say_what_the_kit_has(spec)
        for entry in existing(self._home):
            if entry.moved_from and entry.marker is not None and entry.name == spec.name:
                draft = self._moved(spec, entry) if entry.marker.source in sources else None
                if draft is not None:
                    words = f"{spec.name} was made in {entry.moved_from}: it is made anew from its lock file"
                    self._on_event(Note(words))
                    return draft
        return None

    def _say_what_the_kit_has(self, spec: EnvironmentSpec) -> None:
        """Of a stack that is asked for in another way than it was fetched."""
        entries = [each for each in Kit(self._home).entries(spec.name) if isinstance(each, Entry)]
        kept = sorted({f"{each.key} for {each.identity.platform}" for each in entries if each.key.name == spec.name})
        if kept:
            words = f"the kit has {' and '.join(kept)}, from the channels and the recipe of when it was fetched: "
            self._on_event(Note(f"{words}not what is asked for here"))

    def _moved(self, spec: EnvironmentSpec, entry: Installed) -> Draft | None:
        """None where it was made of another recipe or python than today's, or cannot be made anew."""
        assert entry.marker is not None
        if (lock_file := entry.lock_file()) is None:
            return None
        try:
            draft = self._source(entry.marker.source).locked(spec, lock_file, self._on_event)
        except (UnavailableError, ProvisionError) as error:
            _logger.info("%s was moved, and cannot be made anew from its lock file: %s", entry.prefix, error)
            return None
        return draft if draft.prefix == entry.prefix else None

    def solve(self, stack: Stack) -> Draft:
        """A draft of today's versions, whatever there is here already. Raises as `prepare`."""
        with self._home.watched(), _told_of_the_disk(self._home):
            return self._solve_first(stack.spec, stack.sources)

    def fetch(self, draft: Draft, kit: Kit, *, needs: Sequence[str] = ()) -> Entry:
        """Put what `install` needs into a kit. Raises NetworkError, ProvisionError."""
        with self._home.watched(), _told_of_the_disk(self._home):
            return self._source(draft.identity.source).fetch(draft, kit, self._on_event, needs=needs)

    def install(self, draft: Draft, stack: Stack) -> Environment:
        """Build the prefix; after a network failure or a path too long the next source is tried, with a warning."""
        with self._turn.attempt(stack):
            return self._install_first(draft, stack)

    def _install_first(self, draft: Draft, stack: Stack) -> Environment:
        try:
            return self._install(draft)
        except (NetworkError, PathError) as error:
            later = stack.sources[stack.sources.index(draft.identity.source) + 1 :]
            if not later:
                raise
            try:
                other = self._solve_first(stack.spec, later)
            except (UnavailableError, ProvisionError) as second:
                raise ProvisionError(f"{error}; {later[0]}: {second}", remedy=error.remedy, log=error.log) from error
            warning = f"made from {other.identity.source}: {error}"
            return self._install(replace(other, warnings=(*other.warnings, warning)))

    def _solve_first(self, spec: EnvironmentSpec, sources: Sequence[SourceName]) -> Draft:
        errors: list[MambenchError] = []
        for source in sources:
            try:
                draft = self._source(source).solve(spec, self._on_event)
            except (UnavailableError, NetworkError) as error:
                errors.append(error)
                continue
            passed_over = tuple(f"not from {other}: {error}" for other, error in zip(sources, errors, strict=False))
            return replace(draft, warnings=(*draft.warnings, *passed_over))
        if len(errors) == 1:
            raise errors[0]
        text = "; ".join(f"{source}: {error}" for source, error in zip(sources, errors, strict=True))
        reasons = {error.reason if isinstance(error, UnavailableError) else Reason.SOURCE for error in errors}
        raise UnavailableError(reasons.pop() if len(reasons) == 1 else Reason.SOURCE, text, remedy=errors[-1].remedy)

    def _source(self, source: SourceName) -> Source:
        if source not in self._sources:
            raise UnavailableError(Reason.SOURCE, f"{source} is not part of this version")
        return self._sources[source]

    def damage(self, installed: Installed, *, full: bool) -> list[str]:
        """What is wrong with a finished environment, in words; `full` looks at the content of its files too."""
        assert installed.marker is not None
        source = self._source(installed.marker.source)
        packages = list(source.contents(installed.prefix))
        words = [*installed.own_damage(), *integrity.missing(installed.packages(), packages)]
        damaged = self._damage(installed.name, packages, full=full)
        own = {installed.prefix / name for name in installed.marker.own_files}
        told = ((os.path.relpath(path, installed.prefix), problem) for _, path, problem in damaged if path not in own)
        return words + [f"{name} {problem}" for name, problem in told]

    def examine(self, environment: Environment) -> str:
        """What is wrong with the files of a stack that is ready, with the next step; nothing: ""."""
        if environment.prefix is None or (installed := look(environment.prefix)).marker is None:
            return ""
        words = self.damage(installed, full=False) or self.damage(installed, full=True)
        if not words:
            return ""
        return f"its environment is damaged: {integrity.some(words)}; {integrity.remedy(environment.spec.name)}"

    def damaged_cache(self, *, full: bool) -> Iterator[tuple[SourceName, PackageOnDisk, str]]:
        """The packages kept for other prefixes that are damaged, with what is wrong with their first file."""
        for name, source in self._sources.items():
            by_folder: dict[Path, tuple[PackageOnDisk, str]] = {}
            for package, path, problem in self._damaged_in_cache("the cache", source.cached(), full=full):
                by_folder.setdefault(package.folder, (package, f"{os.path.relpath(path, package.folder)} {problem}"))
            yield from ((name, package, words) for package, words in by_folder.values())

    def forget(self, source: SourceName, package: PackageOnDisk) -> None:
        """Remove a package from its cache. Raises HomeError."""
        try:
            with in_turn(self._home, mutex.PACKAGES, "caches", self._on_event, does="removes"):
                self._source(source).forget(package)
        except OSError as error:
            raise HomeError(f"cannot remove {error.filename}: {error.strerror}") from error

    def repair(self, spec: EnvironmentSpec, installed: Installed) -> Environment:
        """Make a damaged environment anew, from its lock file. Raises ProvisionError, UnavailableError, HomeError."""
        assert installed.marker is not None
        source = self._source(installed.marker.source)
        lock_file = installed.lock_file()
        if installed.marker.of_lock and lock_file:
            spec = locks.made_of(installed.marker, spec, lock_file)
        draft = source.locked(spec, lock_file, self._on_event) if lock_file else source.solve(spec, self._on_event)
        if draft.prefix != installed.prefix:
            raise ProvisionError(
                f"{installed.prefix} was made from another recipe or another python than today's",
                remedy=f"`mambench env remove {spec.name}`, then `mambench env create {spec.name}`",
            )
        return self._install(draft, anew=True)

    def _install(self, draft: Draft, *, anew: bool = False) -> Environment:
        source = self._sources[draft.identity.source]
        with self._home.watched(), in_turn(self._home, draft.prefix.name, draft.spec.name, self._on_event):
            if not anew and (environment := source.ready(draft.spec)) is not None:
                return environment
            _require_unused(self._home, draft)
            with _clean_prefix(draft.prefix):
                self._forget_damaged(source, draft)
                return source.install(draft, self._on_event)

    def _forget_damaged(self, source: Source, draft: Draft) -> None:
        """Prefixes are hard-linked to the cache: what was damaged in one would come back in the next."""
        wanted = {(package.name, package.version) for package in draft.packages}
        with in_turn(self._home, mutex.PACKAGES, draft.spec.name, self._on_event):
            kept = [package for package in source.cached() if (package.name, package.version) in wanted]
            damaged = {
                package.folder: package for package, *_ in self._damaged_in_cache(draft.spec.name, kept, full=True)
            }
            for package in damaged.values():
                _logger.warning("%s %s is damaged in the cache: it is downloaded again", package.name, package.version)
                source.forget(package)

    def _damaged_in_cache(
        self, stack: str, packages: Iterable[PackageOnDisk], *, full: bool
    ) -> Iterator[tuple[PackageOnDisk, Path, str]]:
        """Not what is published so, as the environments that were made of it know."""
        markers = [entry.marker for entry in existing(self._home) if entry.marker is not None]
        published = {known for marker in markers for known in marker.own_files.values()}
        for package, path, problem in self._damage(stack, packages, full=full):
            if not path.is_file() or pinned.sha256_of(path) not in published:
                yield package, path, problem

    def _damage(
        self, stack: str, packages: Iterable[PackageOnDisk], *, full: bool
    ) -> Iterator[tuple[PackageOnDisk, Path, str]]:
        def on_bytes(done: int, total: int) -> None:
            self._on_event(Provisioning(stack, "checking files", done, total or None))

        return integrity.damage(packages, full=full, on_bytes=on_bytes)


@contextlib.contextmanager
def _told_of_the_disk(home: Home) -> Iterator[None]:
    """Raises ProvisionError for a file that could not be written."""
    try:
        yield
    except OSError as error:
        raise files.cannot_write(home.root, error) from error


def in_turn(
    home: Home, name: str, stack: str, on_event: OnEvent, *, does: str = "installs"
) -> AbstractContextManager[None]:
    """Hold the mutex `name` for a stack; others that wait are told who `does` what, and we for whom we wait.

    Raises HomeError.
    """

    def on_wait(who: str) -> None:
        on_event(Provisioning(stack, f"waiting for {who}"))

    return mutex.held(home, name, f"the mambench that {does} {stack}", on_wait)


def _require_unused(home: Home, draft: Draft) -> None:
    """What other computers may be running is not made anew under them. Raises ProvisionError."""
    marker = look(draft.prefix).marker if home.node else None
    if marker is None:
        return
    with presence.alone(home.mutexes) as nobody_else:
        if nobody_else:
            return
    name, base = draft.spec.name, Path(marker.base_python)
    if marker.prefix != os.path.realpath(draft.prefix):
        problem = f"was made in {marker.prefix}, and others use it there"
        remedy = "mount the home at the same path on every computer"
    elif not base.exists():
        problem = f"stands on {base}, which {home.node} lacks"
        remedy = "install that python on every computer, or take --source conda"
    else:
        problem, remedy = "is used by others that are at work in this home", "try again when they have ended"
    raise ProvisionError(f"{name} {problem}", remedy=remedy)


def _require_links(home: Home) -> None:
    """Say before anything is fetched that no environment can be made here. Raises ProvisionError."""
    if files.has_no_links(home.temporary):
        raise ProvisionError(
            f"the disk of {home.root} has no symbolic links, as FAT and exFAT, and environments need them",
            remedy="copy this folder, with what was fetched into it, to another disk and name that with --home DIR, or "
            "measure a python that you have with --python",
        )


@contextlib.contextmanager
def _clean_prefix(prefix: Path) -> Iterator[None]:
    """Start without a wreck and leave none behind. Raises ProvisionError for what the disk does."""
    try:
        remove(prefix, keep_lock=True)
        yield
    except BaseException as error:
        with contextlib.suppress(OSError):
            remove(prefix, keep_lock=True)
        if isinstance(error, OSError):
            if getattr(error, "winerror", None) in _PATH_WINERRORS:
                raise PathError(
                    f"cannot write {error.filename or prefix}: a path is too long for Windows",
                    remedy=path_lengths.REMEDY,
                ) from error
            raise files.cannot_write(prefix, error) from error
        raise


def remove_all(home: Home, installed: Sequence[Installed], *, caches: Sequence[Path] = (), on_event: OnEvent) -> int:
    """Remove prefixes, each under its mutex, and caches; gives the bytes that are free again. Raises HomeError.

    A file that is linked from another prefix or a cache stays on the disk.
    """
    freed = 0
    try:
        for each in installed:
            with in_turn(home, each.prefix.name, each.name, on_event, does="removes"):
                freed += files.freed_bytes(files.files_in(each.prefix))
                remove(each.prefix)
        if caches:
            with in_turn(home, mutex.PACKAGES, "caches", on_event, does="removes"):
                freed += files.freed_bytes(*map(files.files_in, caches))
                for folder in caches:
                    files.remove(folder)
    except OSError as error:
        raise HomeError(f"cannot remove {error.filename}: {error.strerror}") from error
    return freed
