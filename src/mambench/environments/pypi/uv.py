"""uv: its command lines, with everything that it keeps inside the home."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mambench.environments import activation
from mambench.environments.pypi import settings
from mambench.environments.pypi.messages import failure
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import Destination, PypiRecipe, Reason
from mambench.system import addresses, contents, ending, network, places, process
from mambench.system.home import Home

VERSIONS = ">=0.13,<0.14"
"""Of uv, whose options and messages mambench knows; the same in pyproject.toml, which a test compares."""

_TIMEOUT_SECONDS = 3600.0

_QUESTION_SECONDS = 60.0

_PATIENCE = {"UV_HTTP_TIMEOUT": "15", "UV_HTTP_RETRIES": "2"}
"""Seconds without a byte, three times: uv gives up within a minute; by itself it takes two or three."""

TRIPLES: Mapping[str, str] = {
    "linux-64": "x86_64-manylinux_2_28",
    "linux-aarch64": "aarch64-manylinux_2_28",
    "osx-64": "x86_64-apple-darwin",
    "osx-arm64": "aarch64-apple-darwin",
    "win-64": "x86_64-pc-windows-msvc",
    "win-arm64": "aarch64-pc-windows-msvc",
}
"""What uv calls our platforms; on Linux with the oldest C library that today's wheels support."""


OTHER_SYSTEMS = {"MACOSX_DEPLOYMENT_TARGET": "14.0"}
"""What a computer of another platform is taken to have: MLX needs that macOS."""

_ANSWERS: dict[tuple[str, ...], process.Finished] = {}
"""What uv and pythons said about themselves, by home and command line: `list` would ask for every stack."""


class Uv:
    """One uv: what is asked of it and what it does."""

    def __init__(
        self,
        executable: Path,
        home: Home,
        *,
        platform: str,
        environ: Mapping[str, str],
        offline: bool,
    ) -> None:
        self._executable, self._home, self._platform = executable, home, platform
        self._environ, self._offline = environ, offline

    @property
    def platform(self) -> str:
        """On which it runs."""
        return self._platform

    @property
    def cache(self) -> Path:
        """uv's own; prefixes are hard-linked to it."""
        return self._home.uv_cache

    def problem(self) -> str | None:
        """Why this uv cannot be used, by its answer to `--version`; None: it can."""
        try:
            said = self.ask([str(self._executable), "--version"])
        except ProvisionError as error:
            return str(error)
        match = re.match(r"uv (\d\S*)", said.stdout)
        if said.returncode != 0 or match is None:
            return f"{self._executable} does not answer as uv does ({ending.describe_exit(said.returncode)})"
        if not fits(match[1], VERSIONS):
            return f"uv {match[1]} at {self._executable} is not a version that mambench can use: it needs uv{VERSIONS}"
        return None

    def user_settings(self) -> dict[str, str]:
        """What the user told uv, in its variables and pip's configuration."""
        return settings.uv_settings(self._platform, self._environ)

    def indexes(self) -> list[str]:
        """The package indexes that the user named, logins included."""
        return settings.indexes(self.user_settings())

    def shown_settings(self) -> dict[str, str]:
        """What the user told uv, as a report may hold it."""
        return settings.shown(self.user_settings())

    def child_environ(self) -> dict[str, str]:
        """The allow-list, the user's and pip's settings for uv, and our own folders."""
        ours = {
            "UV_CACHE_DIR": str(self.cache),
            "UV_PYTHON_INSTALL_DIR": str(self._home.tools / "pythons"),
            "UV_PYTHON_INSTALL_BIN": "0",
            "UV_PYTHON_INSTALL_REGISTRY": "0",
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
        }
        if self._offline:
            ours["UV_OFFLINE"] = "1"
        child = activation.allowed(self._platform, self._environ) | _PATIENCE
        child |= settings.uv_settings(self._platform, self._environ)
        child |= activation.private_folders(self._platform, self._home.private, self._home.temporary)
        if (netrc := self._netrc()) is not None:
            child["NETRC"] = str(netrc)
        return {**child, **ours}

    def _netrc(self) -> Path | None:
        """The user's logins."""
        named, home = self._environ.get("NETRC"), places.home_folder()
        netrc = Path(named) if named else home / ".netrc" if home is not None else None
        return netrc if netrc is not None and netrc.is_file() else None

    @property
    def host(self) -> str:
        """Of the package index that is asked first."""
        asked = settings.indexes(settings.uv_settings(self._platform, self._environ))
        return addresses.hosts_of(asked[:1]) if asked else "the package index"

    def index_problem(self, package: str, on_tick: Callable[[], None]) -> NetworkError | None:
        """What answers in the place of the user's package index, as a captive portal does; None: the index does.

        uv takes any page for an index without versions.
        """
        variables = settings.uv_settings(self._platform, self._environ)
        index = next(iter(settings.indexes(variables)), None)
        if self._offline or index is None or addresses.local_path(index) is not None:
            return None
        name = re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", package.strip(), maxsplit=1)[0]).lower()
        page = f"{index.rstrip('/')}/{name}/"
        try:
            network.links(
                page, on_bytes=lambda _done, _total: on_tick(), variables=variables, ends=settings.PACKAGE_ENDS
            )
        except NetworkError as error:
            return None if "answered 404" in str(error) else error
        return None

    def find_python(self, specifier: str) -> Path | None:
        """A python that fits, among those that this machine has. Raises UnavailableError, ProvisionError."""
        self._require()
        answer = self.ask([str(self._executable), "python", "find", "--no-project", "--system", specifier])
        said = answer.stdout.strip().splitlines()
        return Path(said[-1]) if answer.returncode == 0 and said else None

    def fetch_python(self, specifier: str, on_tick: Callable[[], None]) -> None:
        """Download a python into the home. Raises NetworkError, ProvisionError."""
        what = f"fetch a python {specifier}"
        self._call(["python", "install", "--no-bin", specifier], what=what, on_tick=on_tick)
        _ANSWERS.clear()  # the answers of before the new python

    def ask(self, command: list[str]) -> process.Finished:
        """The answer to a question that is put once in a process. Raises ProvisionError."""
        key = (str(self._home.root), *command)
        if key not in _ANSWERS:
            _ANSWERS[key] = self._run(command, timeout_seconds=_QUESTION_SECONDS)
        return _ANSWERS[key]

    def _require(self) -> None:
        if (problem := self.problem()) is not None:
            remedy = f"install uv{VERSIONS}, or name one in MAMBENCH_UV"
            raise UnavailableError(Reason.SOURCE, problem, remedy=remedy)

    def compile(
        self,
        recipe: PypiRecipe,
        *,
        python: Path,
        folder: Path,
        log: Path,
        torch_index: bool,
        on_tick: Callable[[], None],
        destination: Destination | None = None,
    ) -> str:
        """The text of a pylock.toml for the recipe, for another computer if there is a `destination`.

        Raises ProvisionError, NetworkError, UndatedError.
        """
        options: dict[str, Any] = {"log": log, "on_tick": on_tick}
        requirements, lock = folder / "requirements.in", folder / "pylock.toml"
        requirements.write_text("\n".join(recipe.packages) + "\n", encoding="utf-8")
        command = ["pip", "compile", str(requirements), "--format", "pylock.toml", "--output-file", str(lock)]
        command += ["--python", str(python), "--no-header", "--no-annotate", "--only-binary", ":all:"]
        if destination is not None and destination.python is not None:
            command += ["--python-version", destination.python]
        if destination is not None and destination.platform != self._platform:
            command += ["--python-platform", TRIPLES[destination.platform]]
            options["variables"] = OTHER_SYSTEMS
        if recipe.exclude_newer:
            command += ["--exclude-newer", recipe.exclude_newer]
        if settings.uv_settings(self._platform, self._environ).get("UV_NO_INDEX"):
            command += ["--no-index"]  # uv has the option only, and no variable
        if recipe.torch_backend and torch_index:
            command += ["--torch-backend", recipe.torch_backend]
        self._call(command, what=f"resolve {', '.join(recipe.packages)}", **options)
        try:
            return contents.text_of(lock)
        except (OSError, ValueError) as error:
            raise ProvisionError(
                f"uv wrote no lock file: {contents.words(error)}", remedy="try again", log=log
            ) from error

    def make_venv(self, prefix: Path, *, python: Path, log: Path) -> None:
        """An empty virtual environment at `prefix`."""
        self._call(
            ["venv", "--no-project", "--clear", "--python", str(python), str(prefix)],
            what=f"make a virtual environment from {python}",
            log=log,
        )

    def sync(
        self,
        lock: Path,
        *,
        python: Path,
        log: Path,
        on_line: Callable[[str], None],
        on_tick: Callable[[], None],
        all_is_here: bool = False,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Install exactly what the lock file names; where all of it is here, no index is asked."""
        command = ["pip", "sync", "--preview-features", "pylock", "--python", str(python), str(lock)]
        command += ["--offline"] if all_is_here else []
        self._call(
            command, what="install the packages", log=log, on_line=on_line, on_tick=on_tick, variables=variables or {}
        )

    def forget(self, package: str) -> None:
        """Remove a package from the cache, with all that points to it there."""
        self._call(["cache", "clean", package], what=f"remove {package} from uv's cache")

    def _call(self, command: list[str], *, what: str, log: Path | None = None, **options: Any) -> None:
        self._require()
        finished = self._run([str(self._executable), *command], timeout_seconds=_TIMEOUT_SECONDS, log=log, **options)
        if finished.timed_out:
            raise NetworkError(f"cannot {what}: uv did not end within an hour", remedy="try again", log=log)
        if finished.returncode != 0:
            raise failure(what, finished, log, offline=self._offline)

    def _run(
        self, command: list[str], *, variables: Mapping[str, str] = MappingProxyType({}), **options: Any
    ) -> process.Finished:
        try:
            return process.run(command, environ={**self.child_environ(), **variables}, cwd=self._folder(), **options)
        except process.StartError as error:
            raise ProvisionError(f"cannot start {command[0]}: {error.strerror}") from error

    def _folder(self) -> Path | None:
        """Where uv runs: where the person stands, as settings may hold relative paths, unless that folder is gone."""
        try:
            Path.cwd()
        except FileNotFoundError:
            return self._home.temporary
        return None


def fits(version: str, specifier: str) -> bool:
    """Whether a version such as `3.12.7` satisfies e.g. `>=3.10,<3.14` or a pre-release does; other words do not."""
    from packaging.specifiers import SpecifierSet
    from packaging.version import InvalidVersion

    try:
        return SpecifierSet(specifier).contains(version, prereleases=True)
    except InvalidVersion:
        return False
