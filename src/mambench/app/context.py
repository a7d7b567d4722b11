"""One invocation: its home, this machine, the catalogue, the sources, and where to print."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from mambench.app import doctor
from mambench.catalogue import manifest
from mambench.environments import existing, source
from mambench.environments import provision as environments
from mambench.environments.conda import bootstrap as locator
from mambench.environments.conda import source as conda
from mambench.environments.pypi import source as pypi
from mambench.environments.pypi.bootstrap import Agree, Toolbox
from mambench.environments.pypi.wheel import UvWheel
from mambench.errors import HomeError, MambenchError, NothingMeasured
from mambench.frozen.beside import home_beside
from mambench.machine import inspect as machine
from mambench.measurement.runner import Runner
from mambench.model import Catalogue, Machine, Note, SourceName
from mambench.report import document as report_json
from mambench.report import journal
from mambench.report.journal import Journal
from mambench.system import code, files, mutex, other_homes, resources
from mambench.system.home import Home
from mambench.terminal.console import Terminal


class Mambench:
    """One invocation: its home, this machine, the catalogue, and where to print."""

    def __init__(self, place: Home, *, environ: Mapping[str, str], terminal: Terminal) -> None:
        self.home, self.environ, self.terminal = place, environ, terminal

    @functools.cached_property
    def machine(self) -> Machine:
        """This computer."""
        return machine.inspect()

    @functools.cached_property
    def catalogue(self) -> Catalogue:
        """Ours and the user's own."""
        return manifest.load_catalogue(
            (resources.benchmarks(), resources.environments()),
            (self.home.user_benchmarks, self.home.user_environments),
        )

    def micromamba(self, *, offline: bool) -> locator.Locator:
        """Finds micromamba."""
        return locator.Locator(
            self.home,
            resources.micromamba(),
            platform=self.machine.platform,
            environ=self.environ,
            offline=offline,
        )

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
        self, *, offline: bool, channels: Sequence[str] = (), on_event: Any = None, agree: Agree | None = None
    ) -> environments.Environments:
        """Every source; `agree` is asked before uv and a python are downloaded for those that need them."""
        platform = self.machine.platform
        cuda = next((gpu.cuda_version for gpu in self.machine.gpus if gpu.kind == "cuda"), None)
        from_conda = conda.CondaSource(
            self.home,
            self.micromamba(offline=offline),
            platform=platform,
            environ=self.environ,
            offline=offline,
            channels=channels,
            cuda_version=cuda,
        )
        sources: dict[SourceName, source.Source] = {
            "conda": from_conda,
            "pypi": pypi.PypiSource(
                self.home,
                Toolbox(
                    self.home,
                    from_conda,
                    UvWheel(self.home, resources.uv(), platform=platform, environ=self.environ),
                    platform=platform,
                    environ=self.environ,
                    offline=offline,
                    agree=agree or (lambda _drafts: False),
                ),
                platform=platform,
                offline=offline,
            ),
            "existing": existing.ExistingSource(self.home, environ=self.environ),
        }
        return environments.Environments(self.home, sources, on_event=on_event or (lambda _event: None))

    def alone(self, command: str, *, wait: bool = True) -> AbstractContextManager[None]:
        """While `command` is the only one that measures or removes in this home; says for whom it waits.

        Raises HomeError, and NothingMeasured where it is not to wait.
        """
        return mutex.held(self.home, mutex.MEASURING, f"`{command}`", on_wait=functools.partial(self._on_wait, wait))

    def wait_for_other_homes(self, *, wait: bool = True) -> None:
        """Return when no run of another home measures on our cores. Raises NothingMeasured."""
        if not other_homes.ignored(self.environ):
            other_homes.wait(self.home, functools.partial(self._on_wait, wait))

    def _on_wait(self, wait: bool, who: str) -> None:
        if not wait:
            raise NothingMeasured(
                f"{who} is at work; two runs at once would measure each other",
                remedy="try again when it has ended, or leave out --no-wait",
            )
        self.terminal.on_event(Note(f"waiting for {who} to end"))

    def recover(self) -> None:
        """Complete the reports of runs that were killed from their journals, unless one is being measured now."""
        left = journal.left_in(self.home.results)
        if not left:
            return
        with contextlib.suppress(OSError, MambenchError), self.alone("mambench", wait=False):
            for report in left:
                files.write(report, report_json.text_of(report_json.load(report)))
                Journal(report).remove()


def require_suitable(app: Mambench) -> None:
    """Refuse a home in which environments could not work. Raises HomeError."""
    problem = doctor.unsuitable(app.home.root, app.machine.platform)
    if problem is not None:
        raise HomeError(f"{problem.message}: {app.home.root}", remedy=problem.remedy)


def home_from(option: str | None, environ: Mapping[str, str]) -> Home:
    """--home, MAMBENCH_HOME, when frozen `mambench-home` beside the program, else the user's data folder.

    Raises HomeError.
    """
    name, folder = ("--home", option) if option else ("MAMBENCH_HOME", environ.get("MAMBENCH_HOME"))
    if folder:
        try:
            return Home(Path(folder).expanduser().absolute())
        except (OSError, RuntimeError) as error:
            raise HomeError(f"{name} {folder} is no folder: {error}", remedy="name a whole path there") from error
    beside, note = home_beside() if resources.is_frozen() else (None, "")
    if beside is not None:
        return Home(beside)
    import platformdirs

    try:
        return Home(Path(platformdirs.user_data_dir("mambench", appauthor=False)), note)
    except (RuntimeError, KeyError, OSError) as error:
        raise HomeError(f"no folder for data is known: {error}", remedy="name one with --home DIR") from error
