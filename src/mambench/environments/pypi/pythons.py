"""The python that carries a stack from PyPI: the one we run on, one on this machine, or one that uv fetches."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mambench.environments.pypi.uv import Uv, fits
from mambench.errors import NetworkError, ProvisionError
from mambench.system import ending, resources


@dataclass(frozen=True)
class BasePython:
    """A python of which virtual environments are made."""

    executable: Path
    release: str
    """Such as `3.12.7`."""

    @property
    def version(self) -> str:
        """Such as `3.12`: wheels are made for that."""
        return ".".join(self.release.split(".")[:2])


class Pythons:
    """Finds or fetches one that fits a specifier such as `>=3.10,<3.14`."""

    def __init__(self, uv: Uv, *, spare: Path | None = None) -> None:
        self._uv, self._spare = uv, spare

    def find(self, specifier: str) -> BasePython | None:
        """The one we run on, else what uv finds, else the spare one. Raises UnavailableError, ProvisionError."""
        if _we_run_on_fitting(specifier):
            base = Path(getattr(sys, "_base_executable", sys.executable) or sys.executable)
            return BasePython(base, "{}.{}.{}".format(*sys.version_info))
        executable = self._uv.find_python(specifier)
        if executable is None and self._spare is not None and fits(self._version(self._spare), specifier):
            executable = self._spare
        return None if executable is None else BasePython(executable, self._version(executable))

    def fetch(self, specifier: str, on_tick: Callable[[], None]) -> BasePython:
        """One that uv downloads. Raises NetworkError, ProvisionError."""
        try:
            self._uv.fetch_python(specifier, on_tick)
        except NetworkError as error:
            raise NetworkError(
                f"no python {specifier} is on this machine, and uv could not download one from GitHub, where "
                f"its pythons are ({error})",
                remedy="install such a python, or name a mirror of them in UV_PYTHON_INSTALL_MIRROR",
            ) from error
        if (python := self.find(specifier)) is None:
            raise ProvisionError(f"uv fetched a python {specifier} and does not find it", remedy="try again")
        return python

    def _version(self, python: Path) -> str:
        """Such as `3.12.7`. Raises ProvisionError."""
        answer = self._uv.ask([str(python), "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"])
        if answer.returncode != 0 or not re.fullmatch(r"[0-9]+\.[0-9]+\.[0-9]+", answer.stdout.strip()):
            raise ProvisionError(f"{python} does not run ({ending.describe_exit(answer.returncode)})")
        return answer.stdout.strip()


def _we_run_on_fitting(specifier: str) -> bool:
    """Whether the python that we run on fits; a frozen program runs on none."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return not resources.is_frozen() and fits(version, specifier)
