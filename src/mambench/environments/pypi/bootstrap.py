"""Where uv and a python come from: the user's own, those kept in the home, or what is fetched after a question.

What is fetched is one conda environment with both, made once by micromamba; where no conda channel can be reached,
uv alone from the package index, and python is then its business.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mambench.environments import activation
from mambench.environments.prefix import Draft, Identity
from mambench.environments.provision import Environments
from mambench.environments.pypi import uv
from mambench.environments.pypi.pythons import Pythons
from mambench.environments.pypi.uv import Uv
from mambench.environments.pypi.wheel import UvWheel
from mambench.environments.source import Source
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import CondaRecipe, Environment, EnvironmentSpec, OnEvent, Reason, Stack
from mambench.system import resources
from mambench.system.home import Home

TOOLS = EnvironmentSpec(
    name="tools",
    title="uv and a python, for stacks from PyPI",
    kernel="none",
    devices=(),
    platforms=(),
    tested=True,
    origin="builtin",
    conda=CondaRecipe(("conda-forge",), ("python>=3.11,<3.13", f"uv{uv.VERSIONS}")),
)
TOOLS_STACK = Stack(TOOLS, ("conda",), ())

UV = EnvironmentSpec("uv", "uv, for stacks from PyPI", "none", (), (), True, "builtin")

Agree = Callable[[tuple[Draft, ...]], bool]
"""Asked before anything is downloaded."""


class Declined(UnavailableError):
    """The person said no: nothing else is offered."""


@dataclass(frozen=True)
class Tools:
    """What a stack from PyPI is made with."""

    uv: Uv
    pythons: Pythons


def find_uv(environ: Mapping[str, str], *, kept: Callable[[], Path | None] = lambda: None) -> Path | None:
    """MAMBENCH_UV, the uv that came with mambench, one on PATH, the one `kept` in the home."""
    if environ.get("MAMBENCH_UV"):
        return Path(environ["MAMBENCH_UV"])
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        on_path = shutil.which("uv", path=environ.get("PATH"))
        return Path(on_path) if on_path else kept()


def present_uv(home: Home, *, platform: str, environ: Mapping[str, str]) -> Path | None:
    """The uv that needs no download, one that is kept in the home too."""
    return find_uv(environ, kept=UvWheel(home, resources.uv(), platform=platform, environ=environ).present)


class Toolbox:
    """Finds uv and a python that fits, or fetches them."""

    def __init__(
        self,
        home: Home,
        conda: Source,
        wheel: UvWheel,
        *,
        platform: str,
        environ: Mapping[str, str],
        offline: bool,
        agree: Agree,
    ) -> None:
        self._home, self._conda, self._wheel, self._agree = home, conda, wheel, agree
        self._platform, self._environ, self._offline = platform, environ, offline
        self._tools: Tools | None = None

    def present(self) -> Tools | None:
        """What needs no download; asks no network. Raises UnavailableError."""
        if self._tools is None:
            made = self._environments(lambda _event: None).ready(TOOLS, TOOLS_STACK.sources)
            self._tools = self._chosen(made)
        return self._tools

    def equip(self, specifier: str, on_event: OnEvent) -> Tools:
        """A uv, with a python that fits unless uv may fetch one. Raises UnavailableError, UsageError."""
        tools = self.present()
        if tools is not None and self._suffices(tools, specifier):
            return tools
        try:
            tools = self._chosen(self._made(on_event))
        except Declined:
            raise
        except UnavailableError as error:
            if tools is None:  # else uv may fetch a python by itself
                if self._offline:
                    raise
                self._fetch_uv(on_event, because=error)
                tools = self._chosen(None)
        assert tools is not None
        self._tools = tools
        return tools

    def _suffices(self, tools: Tools, specifier: str) -> bool:
        named = bool(self._environ.get("MAMBENCH_UV"))  # its faults are told, not passed over
        return (named or tools.uv.problem() is None) and tools.pythons.find(specifier) is not None

    def _chosen(self, made: Environment | None) -> Tools | None:
        """The user's uv unless it cannot be used and `made` has another; its python is one to fall back on."""
        executables = [find_uv(self._environ, kept=self._wheel.present)]
        if made is not None and not self._environ.get("MAMBENCH_UV"):
            executables.append(self._uv_in(made))
        candidates = [
            Uv(executable, self._home, platform=self._platform, environ=self._environ, offline=self._offline)
            for executable in executables
            if executable is not None
        ]
        if not candidates:
            return None
        chosen = next((each for each in candidates[:-1] if each.problem() is None), candidates[-1])
        return Tools(chosen, Pythons(chosen, spare=made.python if made is not None else None))

    def _made(self, on_event: OnEvent) -> Environment:
        """The conda environment, made if need be. Raises UnavailableError, UsageError where nobody can be asked."""
        environments = self._environments(on_event)
        try:
            prepared = environments.prepare(TOOLS_STACK)
            if isinstance(prepared, Environment):
                return prepared
            self._ask_for(prepared)
            return environments.install(prepared, TOOLS_STACK)
        except Declined:
            raise
        except (UnavailableError, ProvisionError) as error:
            raise UnavailableError(
                Reason.SOURCE,
                f"uv is not here, and micromamba brings none: {error}",
                remedy="put uv on PATH or name it in MAMBENCH_UV",
            ) from error

    def _fetch_uv(self, on_event: OnEvent, *, because: UnavailableError) -> None:
        """uv alone, from the package index. Raises UnavailableError that also says why not from conda."""
        try:
            package = self._wheel.locate(on_event)
            identity = Identity(UV.name, "pypi", self._platform, (f"uv=={package.version}",), (), "")
            self._ask_for(Draft(UV, identity, self._home.tools, "", "", (package,)))
            self._wheel.fetch(package, on_event)
        except Declined:
            raise
        except (UnavailableError, ProvisionError) as error:
            text = f"{because}; nor does the Python package index: {error}"
            raise UnavailableError(Reason.SOURCE, text, remedy=error.remedy or because.remedy) from error

    def _ask_for(self, draft: Draft) -> None:
        if not self._agree((draft,)):
            raise Declined(Reason.SOURCE, "uv was not found, and you declined to download it")

    def _uv_in(self, environment: Environment) -> Path:
        assert environment.prefix is not None
        folders = activation.search_path(self._platform, environment.prefix)
        executable = next((path for folder in folders if (path := shutil.which("uv", path=folder))), None)
        if executable is None:
            raise UnavailableError(
                Reason.SOURCE, f"there is no uv in {environment.prefix}", remedy="remove that folder"
            )
        return Path(executable)

    def _environments(self, on_event: OnEvent) -> Environments:
        return Environments(self._home, {"conda": self._conda}, on_event=on_event)
