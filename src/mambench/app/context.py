"""One invocation put together: its home, this machine, the catalogue, the sources, and where to print."""

from __future__ import annotations

import functools
import platform
from collections.abc import Mapping, Sequence

from mambench.catalogue import manifest
from mambench.environments.conda.bootstrap import Locator
from mambench.environments.conda.source import CondaSource
from mambench.environments.existing import ExistingSource
from mambench.environments.provision import Environments
from mambench.environments.pypi.bootstrap import Agree, Toolbox
from mambench.environments.pypi.source import PypiSource
from mambench.environments.pypi.wheel import UvWheel
from mambench.machine import inspect, launchers
from mambench.measurement.runner import Runner
from mambench.model import Catalogue, Destination, Launcher, Machine, OnEvent
from mambench.system import code, long_paths, resources
from mambench.system.home import Home
from mambench.terminal.console import Terminal


class Mambench:
    """One invocation: what every command starts from."""

    def __init__(self, home: Home, *, environ: Mapping[str, str], terminal: Terminal) -> None:
        self.home, self.environ, self.terminal = home, environ, terminal

    @functools.cached_property
    def machine(self) -> Machine:
        """This computer."""
        return inspect.inspect()

    @functools.cached_property
    def launcher(self) -> Launcher | None:
        """What started this process beside others, if anything did."""
        return launchers.launcher_of(self.environ, hostname=platform.node())

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """Ours and the user's own."""
        return manifest.load_catalogue(
            (resources.benchmarks(), resources.environments()),
            (self.home.user_benchmarks, self.home.user_environments),
        )

    def micromamba(self, *, offline: bool, taken_to: str | None = None) -> Locator:
        """Finds micromamba; with `taken_to`, ours for computers of that platform."""
        platform, environ = taken_to or self.machine.platform, dict(self.environ)
        if taken_to is not None:
            environ.pop("MAMBENCH_MICROMAMBA", None)
        return Locator(self.home, resources.micromamba(), platform=platform, environ=environ, offline=offline)

    def uv_wheel(self, *, taken_to: str | None = None) -> UvWheel:
        """Finds and keeps the uv for this platform, or for computers of another."""
        platform = taken_to or self.machine.platform
        return UvWheel(self.home, resources.uv(), platform=platform, environ=self.environ)

    def runner(self, *, run_id: str, seed: int) -> Runner:
        """Starts workers; the worker's code is copied into the home."""
        return Runner(
            self.home,
            platform=self.machine.platform,
            environ=self.environ,
            worker=code.copied(self.home, resources.worker(), also=resources.threadpoolctl()),
            run_id=run_id,
            seed=seed,
        )

    def environments(
        self,
        *,
        offline: bool,
        channels: Sequence[str] = (),
        on_event: OnEvent = lambda _event: None,
        agree: Agree = lambda _drafts: False,
        destination: Destination | None = None,
    ) -> Environments:
        """Every source; `agree` is asked before uv and a python are downloaded for those that need them.

        With a `destination` they solve for another computer.
        """
        conda = self._conda(offline=offline, channels=channels, destination=destination)
        own = conda if destination is None else self._conda(offline=offline, channels=channels)
        pypi = self._pypi(own, offline=offline, agree=agree, destination=destination)
        existing = ExistingSource(self.home, environ=self.environ)
        return Environments(self.home, {"conda": conda, "pypi": pypi, "existing": existing}, on_event=on_event)

    def _conda(self, *, offline: bool, channels: Sequence[str], destination: Destination | None = None) -> CondaSource:
        cuda = next((gpu.cuda_version for gpu in self.machine.gpus if gpu.kind == "cuda"), None)
        return CondaSource(
            self.home,
            self.micromamba(offline=offline),
            platform=destination.platform if destination else self.machine.platform,
            runs_on=self.machine.platform,
            environ=self.environ,
            offline=offline,
            channels=channels,
            cuda_version=destination.cuda_version if destination else cuda,
            path_limit=None if destination else long_paths.longest(),
        )

    def _pypi(
        self, conda: CondaSource, *, offline: bool, agree: Agree, destination: Destination | None = None
    ) -> PypiSource:
        toolbox = Toolbox(
            self.home,
            conda,
            self.uv_wheel(),
            platform=self.machine.platform,
            environ=self.environ,
            offline=offline,
            agree=agree,
        )
        return PypiSource(
            self.home,
            toolbox,
            platform=destination.platform if destination else self.machine.platform,
            offline=offline,
            path_limit=None if destination else long_paths.longest(),
            destination=destination,
        )
