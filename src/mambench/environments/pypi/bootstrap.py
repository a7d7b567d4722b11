"""uv and a python for a program that finds neither: one conda environment in the home, made once by micromamba.

Where no conda channel can be reached, uv alone comes from the Python package index; python is then its business.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from mambench.environments import activation
from mambench.environments.prefix import Draft, Identity
from mambench.environments.provision import Environments
from mambench.environments.pypi import uv
from mambench.environments.pypi.wheel import PinnedUv
from mambench.environments.source import Source
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import CondaRecipe, Environment, EnvironmentSpec, OnEvent, Package, Provisioning, Reason, Stack
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
_STACK = Stack(TOOLS, ("conda",), ())

UV = EnvironmentSpec("uv", "uv, for stacks from PyPI", "none", (), (), True, "builtin")


class Declined(UnavailableError):
    """The person said no: nothing else is offered."""


Agree = Callable[[tuple[Draft, ...]], bool]


class Toolbox:
    """Finds or makes the environment; `agree` is asked before anything is downloaded."""

    def __init__(self, home: Home, conda: Source, pinned: PinnedUv, *, platform: str, agree: Agree) -> None:
        self._home, self._conda, self._pinned, self._platform, self._agree = home, conda, pinned, platform, agree

    def present(self) -> Environment | None:
        """The environment if it was made before; asks no network."""
        return self._environments(lambda _event: None).ready(TOOLS, _STACK.sources)

    def fetch(self, on_event: OnEvent) -> Environment:
        """The environment, made if need be. Raises UnavailableError, UsageError where nobody can be asked."""
        every = self._environments(on_event)
        try:
            found = every.prepare(_STACK)
            if isinstance(found, Environment):
                return found
            if not self._agree((found,)):
                raise Declined(Reason.SOURCE, "uv is not here, and it was not to be downloaded")
            return every.install(found, _STACK)
        except Declined:
            raise
        except (UnavailableError, ProvisionError) as error:
            raise UnavailableError(
                Reason.SOURCE,
                f"uv is not here, and micromamba brings none: {error}",
                remedy="put uv on PATH or name it in MAMBENCH_UV",
            ) from error

    def kept_uv(self) -> Path | None:
        """The uv that `fetch_uv` downloaded before."""
        return self._pinned.present()

    def fetch_uv(self, on_event: OnEvent, *, because: UnavailableError) -> None:
        """uv alone, from the Python package index. Raises UnavailableError that also says why not from conda."""
        try:
            url, pin = self._pinned.locate(), self._pinned.pin()
            package = Package("uv", pin.version, url=url, sha256=pin.wheel_sha256, size_bytes=pin.size_bytes)
            identity = Identity(UV.name, "pypi", self._platform, (f"uv=={pin.version}",), (), "")
            if not self._agree((Draft(UV, identity, self._home.tools, "", "", (package,)),)):
                raise Declined(Reason.SOURCE, "uv is not here, and it was not to be downloaded")
            self._pinned.fetch(url, lambda done, total: on_event(Provisioning("uv", "downloading", done, total)))
        except Declined:
            raise
        except (UnavailableError, ProvisionError) as error:
            text = f"{because}; nor does the Python package index: {error}"
            raise UnavailableError(Reason.SOURCE, text, remedy=because.remedy) from error

    def uv_in(self, environment: Environment) -> Path:
        """The uv of the environment. Raises UnavailableError."""
        assert environment.prefix is not None
        folders = activation.search_path(self._platform, environment.prefix)
        found = next((path for folder in folders if (path := shutil.which("uv", path=folder))), None)
        if found is None:
            raise UnavailableError(
                Reason.SOURCE, f"there is no uv in {environment.prefix}", remedy="remove that folder"
            )
        return Path(found)

    def _environments(self, on_event: OnEvent) -> Environments:
        return Environments(self._home, {"conda": self._conda}, on_event=on_event)
