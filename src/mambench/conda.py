"""The source `conda`: environments made by micromamba from conda channels. Solve once, install from the lock."""

from __future__ import annotations

import contextlib
import functools
import re
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mambench import home, micromamba, network, prefixes
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.home import Home
from mambench.locator import Locator
from mambench.micromamba import Micromamba
from mambench.model import CondaRecipe, Environment, EnvironmentSpec, OnEvent, Package, Provisioning
from mambench.prefixes import Draft, Identity

PACKAGES_LOCK = "conda-packages"
"""Held while archives are fetched and removed: there is one package cache for all prefixes."""

_TICK_SECONDS = 0.25


class Conda:
    """Probes the channels, solves with a dry run, installs the @EXPLICIT lock, removes the archives."""

    def __init__(
        self,
        place: Home,
        locator: Locator,
        *,
        platform: str,
        environ: Mapping[str, str],
        offline: bool,
        channels: Sequence[str],
        cuda_version: str | None,
    ) -> None:
        self._home, self._locator, self._platform, self._environ = place, locator, platform, environ
        self._offline, self._channels, self._cuda_version = offline, tuple(channels), cuda_version
        self._unreachable = functools.cache(unreachable_channel)

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        identity = self._identity(spec, self._recipe(spec))
        return prefixes.ready(spec, identity, prefixes.prefix_of(self._home, identity))

    def lock(self, spec: EnvironmentSpec, on_event: OnEvent) -> Draft:
        recipe = self._recipe(spec)
        identity = self._identity(spec, recipe)
        prefix = prefixes.prefix_of(self._home, identity)
        log = self._home.logs / f"{prefix.name}.log"
        channels = self._reachable(recipe)
        mamba = self._micromamba(spec, on_event)
        on_event(Provisioning(spec.name, "solving"))
        records = mamba.solve(recipe.packages, channels, prefix=prefix, log=log)
        return Draft(
            spec=spec,
            identity=identity,
            prefix=prefix,
            base_python=python_version(micromamba.packages_of(records)),
            lock=micromamba.lock_text(records, channels),
            packages=micromamba.packages_of(records),
        )

    def install(self, draft: Draft, on_event: OnEvent) -> Environment:
        log = self._home.logs / f"{draft.prefix.name}.log"
        mamba = self._micromamba(draft.spec, on_event)
        with self._home.lock(PACKAGES_LOCK), self._home.scratch() as folder:
            progress = _Progress(draft, mamba.package_cache, on_event)
            lock = folder / "environment.lock"
            lock.write_text(draft.lock, encoding="utf-8")
            mamba.install(lock, prefix=draft.prefix, log=log, on_line=progress.line, on_tick=progress.tick)
            _remove_archives(mamba.package_cache, draft.packages)
        return prefixes.finish(draft, version=draft.base_python, shown_lock=micromamba.without_logins(draft.lock))

    def _recipe(self, spec: EnvironmentSpec) -> CondaRecipe:
        if spec.conda is None:
            raise UnavailableError("source", f"{spec.name} has no conda recipe")
        if spec.conda.platforms and self._platform not in spec.conda.platforms:
            raise UnavailableError("source", f"conda-forge has no {spec.name} for {self._platform}")
        return spec.conda

    def _identity(self, spec: EnvironmentSpec, recipe: CondaRecipe) -> Identity:
        channels = tuple(network.without_credentials(channel) for channel in self._channels or recipe.channels)
        return Identity(spec.name, "conda", self._platform, recipe.packages, channels, "")

    def _reachable(self, recipe: CondaRecipe) -> tuple[str, ...]:
        """The effective channels. Raises UnavailableError for the first that cannot be had."""
        channels = self._channels or recipe.channels
        for channel in channels:
            path = network.local_path(channel) if ":" in channel or "/" in channel else None
            if path is not None and " " in str(path):
                raise UnavailableError(
                    "source", f"the path of a local channel cannot hold a space: {path}", remedy="move or link it"
                )
        if self._offline:
            return channels
        with ThreadPoolExecutor(len(channels)) as pool:
            problems = list(pool.map(functools.partial(self._unreachable, platform=self._platform), channels))
        problem = next((problem for problem in problems if problem is not None), None)
        if problem is not None:
            raise UnavailableError(
                "source", f"the channel cannot be had: {problem}", remedy="name a mirror with --channel"
            )
        return channels

    def _micromamba(self, spec: EnvironmentSpec, on_event: OnEvent) -> Micromamba:
        def on_bytes(done: int, total: int | None) -> None:
            on_event(Provisioning(spec.name, "downloading micromamba", done, total))

        try:
            located = self._locator.locate(on_bytes)
        except NetworkError as error:
            raise UnavailableError("source", f"micromamba cannot be had: {error}", remedy=error.remedy) from error
        return Micromamba(
            located.executable,
            self._home,
            platform=self._platform,
            environ=self._environ,
            cuda_version=self._cuda_version,
        )


def channel_url(channel: str) -> str:
    """A channel's address; a bare name is one on the public server."""
    if "://" in channel or channel.startswith(("/", ".", "file:")) or re.match(r"[A-Za-z]:[\\/]", channel):
        return channel.rstrip("/")
    return micromamba.DEFAULT_SERVER + channel


def unreachable_channel(channel: str, *, platform: str) -> str | None:
    """Why the channel's index for `platform` cannot be had; None when its first bytes come."""
    base = f"{channel_url(channel)}/{platform}"
    problem = network.unreachable(f"{base}/repodata.json.zst")
    if problem is None:
        return None
    return problem if network.unreachable(f"{base}/repodata.json") is not None else None


def python_version(packages: Sequence[Package]) -> str:
    """The version of the package `python`. Raises ProvisionError if there is none."""
    for package in packages:
        if package.name == "python":
            return package.version
    raise ProvisionError("the solution holds no python", remedy="add python to the stack's packages")


def _remove_archives(cache: Path, packages: Sequence[Package]) -> None:
    """Delete the downloaded archives; the extracted packages stay, hard-linked to the prefixes."""
    names = {(package.url or "").rpartition("/")[2] for package in packages}
    for archive in _archives(cache):
        if archive.name in names:
            with contextlib.suppress(OSError):
                home.remove(archive)


def _archives(cache: Path) -> list[Path]:
    return [path for pattern in ("*.conda", "*.tar.bz2") for path in cache.rglob(pattern) if path.is_file()]


class _Progress:
    """Bytes: the sizes of the lock's archives as they grow in the cache; then packages linked."""

    def __init__(self, draft: Draft, cache: Path, on_event: OnEvent) -> None:
        self._name, self._cache, self._on_event = draft.spec.name, cache, on_event
        self._sizes = {(package.url or "").rpartition("/")[2]: package.size_bytes or 0 for package in draft.packages}
        self._linked = 0
        self._shown = 0.0

    def line(self, line: str) -> None:
        if line.lstrip().startswith("Linking "):
            self._linked += 1

    def tick(self) -> None:
        if time.monotonic() - self._shown < _TICK_SECONDS:
            return
        self._shown = time.monotonic()
        if self._linked:
            phase = f"linking package {self._linked} of {len(self._sizes)}"
            self._on_event(Provisioning(self._name, phase))
            return
        done = 0
        for archive in _archives(self._cache):
            with contextlib.suppress(OSError):
                if archive.name in self._sizes:
                    done += min(archive.stat().st_size, self._sizes[archive.name])
        self._on_event(Provisioning(self._name, "downloading", done, sum(self._sizes.values()) or None))
