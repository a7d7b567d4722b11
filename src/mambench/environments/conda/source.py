"""The source `conda`: environments made by micromamba from conda channels. Solve once, install from the lock."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mambench.environments import downloads
from mambench.environments.conda import credentials, explicit, integrity
from mambench.environments.conda.bootstrap import Locator
from mambench.environments.conda.cache import is_unpacked, keep_archive, remove_archives, written_urls
from mambench.environments.conda.channels import channel_address, hosts_of, unreachable_channel, unreachable_channels
from mambench.environments.conda.micromamba import Micromamba
from mambench.environments.conda.progress import InstallProgress
from mambench.environments.integrity import PackageOnDisk
from mambench.environments.kit import Entry, Kit, told_as_unpacking
from mambench.environments.path_lengths import require_fitting
from mambench.environments.pins import require_held
from mambench.environments.prefix import Draft, Identity, finish, pins, prefix_of, ready
from mambench.environments.provision import in_turn
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import CondaRecipe, Environment, EnvironmentSpec, Note, OnEvent, Package, Provisioning, Reason
from mambench.system import addresses, mutex
from mambench.system.home import Home

_PLAIN_PATH = re.compile(r"[\w./:+!~=-]+", re.ASCII)


class CondaSource:
    """Probes the channels, solves with a dry run, installs the @EXPLICIT lock, removes the archives."""

    def __init__(
        self,
        home: Home,
        locator: Locator,
        *,
        platform: str,
        environ: Mapping[str, str],
        offline: bool,
        channels: Sequence[str],
        cuda_version: str | None,
        path_limit: int | None = None,
        runs_on: str | None = None,
    ) -> None:
        """`platform` is that of the environments, `runs_on` that of this computer where it is another one."""
        self._home, self._locator, self._platform, self._environ = home, locator, platform, environ
        self._runs_on, self._kit = runs_on or platform, Kit(home)
        self._offline, self._channels, self._cuda_version = offline, tuple(channels), cuda_version
        self._path_limit = path_limit
        self._unreachable = functools.cache(unreachable_channel)

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        recipe = self._recipe(spec)
        identity = self._identity(spec, recipe)
        made = ready(spec, identity, prefix_of(self._home, identity))
        if made is not None or not recipe.lock:
            return made
        solved = self._identity(spec, replace(recipe, lock=""))
        made = ready(spec, solved, prefix_of(self._home, solved))
        return made if made is not None and made.lock_file == recipe.lock else None

    def from_kit(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft | None:
        if (entry := self._kit.entry(self._identity(spec, self._recipe(spec)))) is None:
            return None
        self._kit.require_whole(entry, full=False)
        return self.locked(spec, entry.lock_file, on_event)

    def solve(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft:
        recipe = self._recipe(spec)
        if recipe.lock:
            draft, urls = self.locked(spec, recipe.lock, on_event), explicit.urls_in(recipe.lock)
            return downloads.asked_for(draft, urls, on_event, offline=self._offline)
        prefix = prefix_of(self._home, self._identity(spec, recipe))
        channels = self._reachable(spec, recipe, on_event)
        mamba = self._micromamba(spec, on_event)
        solving = Provisioning(spec.name, "solving", host=hosts_of(channels))
        on_event(solving)
        on_tick = functools.partial(on_event, solving)
        solution = mamba.solve(recipe.packages, channels, log=self._log(prefix), on_tick=on_tick)
        packages = explicit.packages_of(solution.records)
        missing = tuple(package for package in packages if package.name in solution.missing)
        return self._draft(spec, explicit.lock_text(solution.records, channels), packages, missing)

    def locked(self, spec: EnvironmentSpec, lock_file: str, on_event: OnEvent) -> Draft:  # noqa: ARG002
        packages = explicit.packages_in(lock_file)
        kept = {package.folder.name for package in self.cached()}
        missing = tuple(
            each
            for each in packages
            if f"{each.name}-{each.version}-{each.build}" not in kept and self._kit.path_of(each) is None
        )
        return self._draft(spec, lock_file, packages, missing)

    def fetch(self, draft: Draft, kit: Kit, on_event: OnEvent, *, needs: Sequence[str] = ()) -> Entry:
        channels = self._effective(self._recipe(draft.spec))
        urls = [addresses.with_login(url, channels) for url in explicit.urls_in(draft.lock_file).values()]
        entry = kit.fetch(draft, urls, on_event, lock_file=explicit.shown(draft.lock_file), needs=needs)
        if self._platform == self._runs_on:
            self._unpack(draft, on_event)
        return entry

    def _unpack(self, draft: Draft, on_event: OnEvent) -> None:
        """Have micromamba unpack what was fetched, into its cache: an environment of it is made in no time then."""
        mamba = self._micromamba(draft.spec, on_event)
        with self._home.scratch() as folder:
            for package in draft.packages:
                if (path := self._kit.path_of(package)) is not None:
                    keep_archive(mamba.package_cache, package, path)
            tell = functools.partial(told_as_unpacking, on_event)
            self._make(replace(draft, prefix=folder / "prefix", missing=()), mamba, draft.lock_file, tell)

    def _draft(
        self, spec: EnvironmentSpec, lock_file: str, packages: tuple[Package, ...], missing: tuple[Package, ...]
    ) -> Draft:
        if self._offline and any(addresses.local_path(package.url or "") is None for package in missing):
            raise UnavailableError(
                Reason.OFFLINE,
                f"not here yet: {', '.join(package.name for package in missing)}",
                remedy="run once without --offline",
            )
        identity = self._identity(spec, self._recipe(spec))
        draft = Draft(
            spec=spec,
            identity=identity,
            prefix=prefix_of(self._home, identity),
            base_python=python_version(packages),
            lock_file=lock_file,
            packages=packages,
            missing=missing,
        )
        return require_fitting(require_held(draft), self._home, self._path_limit)

    def install(self, draft: Draft, on_event: OnEvent) -> Environment:
        mamba = self._micromamba(draft.spec, on_event)
        with self._kit.verified(draft):
            self._make(draft, mamba, self._from_here(draft.lock_file, mamba.package_cache), on_event)
        shown = explicit.shown(draft.lock_file)
        return finish(draft, version=draft.base_python, lock_file=shown, on_disk=self.contents(draft.prefix))

    def _make(self, draft: Draft, mamba: Micromamba, lock_file: str, on_event: OnEvent) -> None:
        channels = self._effective(self._recipe(draft.spec))
        turn = in_turn(self._home, mutex.PACKAGES, draft.spec.name, on_event)
        with turn, self._home.scratch() as folder:
            progress = InstallProgress(draft, mamba.package_cache, on_event)
            lock = folder / "environment.lock"
            lock.write_text(lock_file, encoding="utf-8")
            try:
                mamba.install(
                    lock,
                    channels,
                    prefix=draft.prefix,
                    log=self._log(draft.prefix),
                    on_line=progress.line,
                    on_tick=progress.tick,
                    received_bytes=progress.received_bytes,
                )
            finally:
                credentials.forget(credentials.tokens(channels), written_urls(mamba.package_cache, draft.prefix))
            remove_archives(mamba.package_cache, draft.packages)

    def _from_here(self, lock_file: str, cache: Path) -> str:
        """The lock file with the kit's files in the place of addresses.

        micromamba takes no path with a space: there the files lie in its cache, where it looks first.
        """

        def local(package: Package) -> str | None:
            if (path := self._kit.path_of(package)) is None or is_unpacked(cache, package):
                return None
            if _PLAIN_PATH.fullmatch(path.as_posix()):
                return path.as_uri()
            keep_archive(cache, package, path)
            return None

        return explicit.localised(lock_file, local)

    def contents(self, prefix: Path) -> Iterable[PackageOnDisk]:
        return integrity.in_prefix(prefix)

    def cached(self) -> Iterable[PackageOnDisk]:
        return integrity.in_cache(self._home.package_cache)

    def forget(self, package: PackageOnDisk) -> None:
        integrity.remove_from_cache(package)

    def _log(self, prefix: Path) -> Path:
        return self._home.logs / f"{prefix.name}.log"

    def _recipe(self, spec: EnvironmentSpec) -> CondaRecipe:
        if spec.conda is None:
            raise UnavailableError(Reason.SOURCE, f"{spec.name} has no conda recipe")
        if spec.conda.platforms and self._platform not in spec.conda.platforms:
            raise UnavailableError(Reason.SOURCE, f"conda-forge has no {spec.name} for {self._platform}")
        return spec.conda

    def _effective(self, recipe: CondaRecipe) -> tuple[str, ...]:
        return tuple(channel_address(channel) for channel in self._channels or recipe.channels)

    def _identity(self, spec: EnvironmentSpec, recipe: CondaRecipe) -> Identity:
        channels = tuple(
            addresses.without_credentials(credentials.without_login(channel)) for channel in self._effective(recipe)
        )
        return Identity(spec.name, "conda", self._platform, pins(recipe), channels, "")

    def _reachable(self, spec: EnvironmentSpec, recipe: CondaRecipe, on_event: OnEvent) -> tuple[str, ...]:
        """The effective channels. Raises UnavailableError for the first that could not be reached."""
        channels = self._effective(recipe)
        for channel in channels:
            if problem := addresses.url_problem(channel):
                text = f"the channel {addresses.without_credentials(channel)} cannot be used: {problem}"
                raise UnavailableError(Reason.SOURCE, text, remedy="correct the channel in the stack's TOML file")
            path = addresses.local_path(channel) if ":" in channel or "/" in channel else None
            if path is not None and " " in str(path):
                raise UnavailableError(
                    Reason.SOURCE, f"the path of a local channel cannot hold a space: {path}", remedy="move or link it"
                )
        if self._offline:
            return channels
        on_event(Provisioning(spec.name, f"asking {hosts_of(channels) or 'the channel'}"))
        ask = functools.partial(self._unreachable, platform=self._platform)
        for error in unreachable_channels(ask, channels):
            raise UnavailableError(
                Reason.SOURCE,
                f"the channel cannot be used: {error}",
                remedy=f"{error.remedy}; or name a mirror with --channel",
            ) from error
        return channels

    def _micromamba(self, spec: EnvironmentSpec, on_event: OnEvent) -> Micromamba:
        def on_bytes(done: int, total: int | None) -> None:
            on_event(Provisioning(spec.name, "downloading micromamba", done, total, host=self._locator.host))

        try:
            located = self._locator.locate(on_bytes)
        except NetworkError as error:
            raise UnavailableError(Reason.SOURCE, f"no micromamba: {error}", remedy=error.remedy) from error
        if located.note:
            on_event(Note(located.note))
        return Micromamba(
            located.executable,
            self._home,
            platform=self._runs_on,
            environ=self._environ,
            cuda_version=self._cuda_version,
            target=self._platform,
            offline=self._offline,
        )


def python_version(packages: Sequence[Package]) -> str:
    """The version of the package `python`. Raises ProvisionError if there is none."""
    for package in packages:
        if package.name == "python":
            return package.version
    raise ProvisionError("the solution holds no python", remedy="add python to the stack's packages")
