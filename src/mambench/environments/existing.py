"""The source `existing`: pythons that the user already has."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from mambench.environments import activation
from mambench.environments.integrity import PackageOnDisk
from mambench.environments.kit import Entry, Kit
from mambench.environments.prefix import Draft
from mambench.errors import ProvisionError
from mambench.model import Environment, EnvironmentSpec, OnEvent
from mambench.system import contents, process, values
from mambench.system.home import Home

Answer = TypeVar("Answer")

_QUESTION_SECONDS = 30.0

_ASK = """
import sys
sys.path[:] = [entry for entry in sys.path if entry]  # not what lies in the current folder
import importlib.util, json, platform
def has(name):
    try:
        return importlib.util.find_spec(name) is not None
    except Exception:
        return False
frameworks = [framework for framework, module in MODULES.items() if has(module)]
print(json.dumps([sys.executable, platform.python_version(), frameworks]))
"""


_ASK_VERSIONS = """
import json
from importlib.metadata import PackageNotFoundError, version
def of(module):
    try:
        return version(module)
    except PackageNotFoundError:
        return ""
print(json.dumps({module: of(module) for module in MODULES}))
"""


@dataclass(frozen=True)
class ExistingPython:
    """What a python that the user named says about itself."""

    executable: Path
    version: str
    frameworks: tuple[str, ...]


_ANSWERS: dict[tuple[Path, Path], tuple[Mapping[str, str], ExistingPython]] = {}
"""What was asked of a python and what it said, by home and executable: each is asked once in a process."""


class ExistingSource:
    """Asks a python what it is and has; nothing is installed into it."""

    def __init__(self, home: Home, *, environ: Mapping[str, str]) -> None:
        self._home, self._environ = home, environ

    def ready(self, spec: EnvironmentSpec) -> Environment | None:
        assert spec.python is not None
        python = self.ask(spec.python, {})
        return Environment(spec, "existing", python.executable, None, python.version)

    def from_kit(self, _spec: EnvironmentSpec, _on_event: OnEvent) -> Draft | None:
        return None

    def solve(self, spec: EnvironmentSpec, _on_event: OnEvent) -> Draft:
        assert spec.python is not None
        self.ask(spec.python, {})
        raise ProvisionError(f"{spec.python} answered once and then failed")

    def locked(self, spec: EnvironmentSpec, _lock_file: str, on_event: OnEvent) -> Draft:
        return self.solve(spec, on_event)

    def fetch(self, draft: Draft, _kit: Kit, _on_event: OnEvent, *, needs: Sequence[str] = ()) -> Entry:  # noqa: ARG002
        raise ProvisionError(f"nothing is fetched for {draft.spec.python}")

    def install(self, draft: Draft, _on_event: OnEvent) -> Environment:
        raise ProvisionError(f"nothing is installed into {draft.spec.python}")

    def contents(self, _prefix: Path) -> Iterable[PackageOnDisk]:
        return ()  # what is in it is the user's business

    def cached(self) -> Iterable[PackageOnDisk]:
        return ()

    def forget(self, package: PackageOnDisk) -> None:
        raise AssertionError(package)

    def ask(self, python: Path, modules: Mapping[str, str]) -> ExistingPython:
        """Its real executable (a shim's is elsewhere), version and frameworks. Raises ProvisionError."""
        asked, answer = _ANSWERS.get((self._home.root, python), ({}, None))
        if answer is None or not modules.items() <= asked.items():
            answer = self._ask(python, modules)
            for name in (python, answer.executable):
                _ANSWERS[self._home.root, name] = (modules, answer)
        return answer

    def versions(self, python: Path, modules: Sequence[str]) -> dict[str, str]:
        """Those of the packages named as modules are; "" for one that no package is named as. Raises ProvisionError."""
        return self._answer(python, _ASK_VERSIONS.replace("MODULES", repr(list(modules))), values.texts)

    def _ask(self, python: Path, modules: Mapping[str, str]) -> ExistingPython:
        return self._answer(python, _ASK.replace("MODULES", repr(dict(modules))), _existing_python)

    def _answer(self, python: Path, script: str, read: Callable[[Any], Answer]) -> Answer:
        environ = activation.inherited(self._environ, private=self._home.private, temporary=self._home.temporary)
        try:
            asked = process.run(
                [str(python), "-E", "-B", "-c", script], environ=environ, timeout_seconds=_QUESTION_SECONDS
            )
            return read(contents.json_in(asked.stdout.strip().splitlines()[-1]))
        except process.StartError as error:
            raise ProvisionError(
                f"{python} cannot be started: {error.strerror}", remedy="name a python executable"
            ) from error
        except (ValueError, IndexError, TypeError) as error:
            raise ProvisionError(
                f"{python} does not answer as a python does", remedy="name a python executable"
            ) from error


def _existing_python(said: Any) -> ExistingPython:
    executable, version, frameworks = said
    return ExistingPython(Path(values.word(executable)), values.word(version), values.several(values.word, frameworks))
