"""Stacks made ready: prepare(stack) finds or solves one, install(draft) builds it.

One class a source does it: `CondaSource`, `PypiSource`, `ExistingSource`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from mambench.environments import path_lengths
from mambench.environments.prefix import Draft, Installed, remove
from mambench.environments.source import Source
from mambench.errors import HomeError, MambenchError, NetworkError, PathError, ProvisionError, UnavailableError
from mambench.model import Environment, EnvironmentSpec, OnEvent, Provisioning, Reason, SourceName, Stack
from mambench.system import files, mutex
from mambench.system.home import Home

_PATH_WINERRORS = (3, 206)
"""ERROR_PATH_NOT_FOUND and ERROR_FILENAME_EXCED_RANGE: what Windows says of a path that is too long."""


class Environments:
    """All stacks, whatever their source."""

    def __init__(self, home: Home, sources: Mapping[SourceName, Source], *, on_event: OnEvent) -> None:
        self._home, self._sources, self._on_event = home, sources, on_event

    def ready(self, spec: EnvironmentSpec, sources: Sequence[SourceName]) -> Environment | None:
        """The first of the sources that is ready; asks no network."""
        for source in sources:
            with contextlib.suppress(MambenchError):
                if source in self._sources and (environment := self._sources[source].ready(spec)) is not None:
                    return environment
        return None

    def prepare(self, stack: Stack) -> Environment | Draft:
        """A ready environment, or the draft of one from the first source that can be reached.

        Raises the last source's ProvisionError or UnavailableError when none can; it names the stack to take instead.
        """
        if (environment := self.ready(stack.spec, stack.sources)) is not None:
            return environment
        try:
            return self._solve_first(stack.spec, stack.sources)
        except (ProvisionError, UnavailableError) as error:
            if stack.spec.instead:
                error.remedy = "; or ".join(filter(None, (error.remedy, f"take {stack.spec.instead} instead")))
            raise

    def install(self, draft: Draft, stack: Stack) -> Environment:
        """Build the prefix; after a network failure or a path too long the next source is tried, with a warning."""
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

    def _install(self, draft: Draft) -> Environment:
        source = self._sources[draft.identity.source]
        with in_turn(self._home, draft.prefix.name, draft.spec.name, self._on_event):
            if (environment := source.ready(draft.spec)) is not None:
                return environment
            with _clean_prefix(draft.prefix):
                return source.install(draft, self._on_event)


def in_turn(
    home: Home, name: str, stack: str, on_event: OnEvent, *, does: str = "installs"
) -> AbstractContextManager[None]:
    """Hold the mutex `name` for a stack; others that wait are told who `does` what, and we for whom we wait.

    Raises HomeError.
    """

    def on_wait(who: str) -> None:
        on_event(Provisioning(stack, f"waiting for {who}"))

    return mutex.held(home, name, f"the mambench that {does} {stack}", on_wait)


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
            raise ProvisionError(
                f"cannot write {error.filename or prefix}: {error.strerror}",
                remedy="free disk space, or choose another --home",
            ) from error
        raise


def remove_all(home: Home, installed: Sequence[Installed], *, caches: Sequence[Path] = (), on_event: OnEvent) -> int:
    """Remove prefixes and caches, each under its mutex; gives the bytes that are free again. Raises HomeError.

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
