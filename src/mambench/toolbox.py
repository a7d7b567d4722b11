"""uv and a python for a program that finds neither: one conda environment in the home, made once by micromamba."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from mambench import activation
from mambench.environments import Environments, Maker
from mambench.errors import ProvisionError, UnavailableError
from mambench.home import Home
from mambench.model import CondaRecipe, Environment, EnvironmentSpec, OnEvent, Stack
from mambench.prefixes import Draft

TOOLS = EnvironmentSpec(
    name="tools",
    title="uv and a python, for stacks from PyPI",
    kernel="none",
    devices=(),
    platforms=(),
    tested=True,
    origin="builtin",
    conda=CondaRecipe(("conda-forge",), ("python>=3.11,<3.13", "uv>=0.13,<0.14")),
)
_STACK = Stack(TOOLS, ("conda",), ())

Agree = Callable[[tuple[Draft, ...]], bool]


class Toolbox:
    """Finds or makes the environment; `agree` is asked before anything is downloaded."""

    def __init__(self, place: Home, conda: Maker, *, platform: str, agree: Agree) -> None:
        self._home, self._conda, self._platform, self._agree = place, conda, platform, agree

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
                raise UnavailableError("source", "they were not to be downloaded")
            return every.install(found, _STACK)
        except (UnavailableError, ProvisionError) as error:
            raise UnavailableError(
                "source",
                f"uv is not here, and micromamba brings none: {error}",
                remedy="put uv on PATH or name it in MAMBENCH_UV",
            ) from error

    def uv_in(self, environment: Environment) -> Path:
        """The uv of the environment. Raises UnavailableError."""
        assert environment.prefix is not None
        folders = activation.search_path(self._platform, environment.prefix)
        found = next((path for folder in folders if (path := shutil.which("uv", path=folder))), None)
        if found is None:
            raise UnavailableError("source", f"there is no uv in {environment.prefix}", remedy="remove that folder")
        return Path(found)

    def _environments(self, on_event: OnEvent) -> Environments:
        return Environments(self._home, {"conda": self._conda}, on_event=on_event)
