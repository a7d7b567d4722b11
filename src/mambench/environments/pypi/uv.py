"""uv: where it is, its command lines, what its messages mean, and the lock that it writes (pylock.toml)."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mambench.environments import activation
from mambench.environments.pypi import pipconfig
from mambench.environments.pypi.messages import failure
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import PypiRecipe, Reason
from mambench.system import addresses, process
from mambench.system.home import Home

TORCH_INDEX = "https://download.pytorch.org/whl/"


VERSIONS = ">=0.13,<0.14"
"""Of uv, whose options and messages mambench knows; the same in pyproject.toml, which a test compares."""


HANDED_ON = frozenset({
    "UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS", "UV_NO_INDEX",
    "UV_INDEX_STRATEGY", "UV_PYTHON_INSTALL_MIRROR", "UV_PYTHON_DOWNLOADS_JSON_URL", "UV_ASTRAL_MIRROR_URL",
    "UV_KEYRING_PROVIDER", "UV_CREDENTIALS_DIR", "UV_INSECURE_HOST", "UV_SYSTEM_CERTS", "UV_NATIVE_TLS",
    "UV_HTTP_TIMEOUT", "UV_HTTP_CONNECT_TIMEOUT", "UV_HTTP_RETRIES", "UV_CONCURRENT_DOWNLOADS",
})  # fmt: skip
"""The user's variables of uv that say where packages come from and how they are reached; no other reaches uv.

Source: https://docs.astral.sh/uv/reference/environment/
"""


_LOGIN = re.compile(r"UV_INDEX_\w+_(?:USERNAME|PASSWORD)")


_TIMEOUT_SECONDS = 3600.0


_QUESTION_SECONDS = 60.0


_ANSWERS: dict[tuple[str, ...], process.Finished] = {}
"""What uv and pythons said about themselves, by home and command line: `list` would ask for every stack."""


def find(environ: Mapping[str, str], *, kept: Callable[[], Path | None] = lambda: None) -> Path | None:
    """The uv to use: MAMBENCH_UV, the one that came with mambench, one on PATH, the one `kept` in the home."""
    if environ.get("MAMBENCH_UV"):
        return Path(environ["MAMBENCH_UV"])
    try:
        from uv import find_uv_bin

        return Path(find_uv_bin())
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv", path=environ.get("PATH"))
        return Path(found) if found else kept()


class Uv:
    """uv with everything that it keeps inside the home."""

    def __init__(
        self,
        executable: Path,
        home: Home,
        *,
        platform: str,
        environ: Mapping[str, str],
        offline: bool,
        spare_python: Path | None = None,
    ) -> None:
        self._executable, self._home, self._platform = executable, home, platform
        self._environ, self._offline, self._spare_python = environ, offline, spare_python

    @property
    def cache(self) -> Path:
        """uv's own; prefixes are hard-linked to it."""
        return self._home.cache / "uv"

    def problem(self) -> str | None:
        """Why this uv cannot be used, by its answer to `--version`; None: it can."""
        try:
            said = self._ask([str(self._executable), "--version"])
        except ProvisionError as error:
            return str(error)
        match = re.match(r"uv (\d\S*)", said.stdout)
        if said.returncode != 0 or match is None:
            return f"{self._executable} does not answer as uv does ({process.describe_exit(said.returncode)})"
        if not fits(match[1], VERSIONS):
            return f"uv {match[1]} at {self._executable} is not a version that mambench can use: it needs uv{VERSIONS}"
        return None

    def settings(self) -> dict[str, str]:
        """The variables of uv that the user or pip's configuration sets and that are handed on."""
        users = {name: value for name, value in self._environ.items() if name in HANDED_ON or _LOGIN.fullmatch(name)}
        return users | pipconfig.uv_variables(self._platform, self._environ, site=Path(sys.prefix))

    def shown_settings(self) -> dict[str, str]:
        """The same as a report may hold them, without logins."""
        return {
            name: "***" if _LOGIN.fullmatch(name) else addresses.without_credentials(value)
            for name, value in self.settings().items()
        }

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
        child = activation.allowed(self._platform, self._environ)
        child |= self.settings()
        child |= activation.private_folders(self._platform, self._home.private, self._home.temporary)
        netrc = self._environ.get("NETRC") or Path.home() / ".netrc"
        if Path(netrc).is_file():
            child["NETRC"] = str(netrc)
        return {**child, **ours}

    def find_python(self, recipe: PypiRecipe, *, fetch: bool) -> tuple[Path, str]:
        """A python that fits the recipe and its major.minor: the one we run on, else what uv finds or fetches.

        Raises UnavailableError if there is none and none may be fetched.
        """
        if _runs_on_fitting(recipe):
            base = Path(getattr(sys, "_base_executable", sys.executable) or sys.executable)
            return base, f"{sys.version_info.major}.{sys.version_info.minor}"
        python = self._found_python(recipe)
        if python is None and self._spare_fits(recipe):
            python = self._spare_python
        if python is None:
            if self._offline or not fetch:
                raise UnavailableError(Reason.OFFLINE, f"no python {recipe.python} is on this machine")
            try:
                self._call(["python", "install", "--no-bin", recipe.python], what=f"fetch a python {recipe.python}")
            except NetworkError as error:
                raise NetworkError(
                    f"no python {recipe.python} is on this machine, and uv could not download one from GitHub, where "
                    f"its pythons are ({error})",
                    remedy="install such a python, or name a mirror of them in UV_PYTHON_INSTALL_MIRROR",
                ) from error
            _ANSWERS.clear()  # the answers of before the new python
            python = self._found_python(recipe)
        if python is None:
            raise ProvisionError(f"uv fetched a python {recipe.python} and does not find it", remedy="try again")
        return python, self._version(python).rpartition(".")[0]

    def has_python(self, recipe: PypiRecipe) -> bool:
        """Whether a python that fits is here already."""
        return _runs_on_fitting(recipe) or self._spare_fits(recipe) or self._found_python(recipe) is not None

    def _found_python(self, recipe: PypiRecipe) -> Path | None:
        self._require()
        found = self._ask([str(self._executable), "python", "find", "--no-project", "--system", recipe.python])
        return Path(found.stdout.strip().splitlines()[-1]) if found.returncode == 0 else None

    def _spare_fits(self, recipe: PypiRecipe) -> bool:
        return self._spare_python is not None and fits(self._version(self._spare_python), recipe.python)

    def _version(self, python: Path) -> str:
        """Such as `3.12.7`. Raises ProvisionError."""
        asked = self._ask([str(python), "-I", "-c", "import sys; print('%d.%d.%d' % sys.version_info[:3])"])
        if asked.returncode != 0 or not re.fullmatch(r"\d+\.\d+\.\d+", asked.stdout.strip()):
            raise ProvisionError(f"{python} does not run ({process.describe_exit(asked.returncode)})")
        return asked.stdout.strip()

    def _ask(self, command: list[str]) -> process.Finished:
        """The answer to a question that is put once in a process. Raises ProvisionError."""
        key = (str(self._home.root), *command)
        if key not in _ANSWERS:
            _ANSWERS[key] = self._run(command, timeout_seconds=_QUESTION_SECONDS)
        return _ANSWERS[key]

    def _require(self) -> None:
        if (problem := self.problem()) is not None:
            remedy = f"install uv{VERSIONS}, or name one in MAMBENCH_UV"
            raise UnavailableError(Reason.SOURCE, problem, remedy=remedy)

    def compile(self, recipe: PypiRecipe, *, python: Path, folder: Path, log: Path, torch_index: bool) -> str:
        """The text of a pylock.toml for the recipe. Raises ProvisionError, NetworkError, UndatedError."""
        requirements, lock = folder / "requirements.in", folder / "pylock.toml"
        requirements.write_text("\n".join(recipe.packages) + "\n", encoding="utf-8")
        command = ["pip", "compile", str(requirements), "--format", "pylock.toml", "--output-file", str(lock)]
        command += ["--python", str(python), "--no-header", "--no-annotate", "--only-binary", ":all:"]
        if recipe.exclude_newer:
            command += ["--exclude-newer", recipe.exclude_newer]
        if recipe.torch_backend and torch_index:
            command += ["--torch-backend", recipe.torch_backend]
        self._call(command, what=f"resolve {', '.join(recipe.packages)}", log=log)
        return lock.read_text(encoding="utf-8")

    def make_venv(self, prefix: Path, *, python: Path, log: Path) -> None:
        """An empty virtual environment at `prefix`."""
        self._call(
            ["venv", "--no-project", "--clear", "--python", str(python), str(prefix)],
            what=f"make a virtual environment from {python}",
            log=log,
        )

    def sync(
        self, lock: Path, *, python: Path, log: Path, on_line: Callable[[str], None], on_tick: Callable[[], None]
    ) -> None:
        """Install exactly what the lock names."""
        command = ["pip", "sync", "--preview-features", "pylock", "--python", str(python), str(lock)]
        self._call(command, what="install the packages", log=log, on_line=on_line, on_tick=on_tick)

    def _call(self, command: list[str], *, what: str, log: Path | None = None, **options: Any) -> None:
        self._require()
        finished = self._run([str(self._executable), *command], timeout_seconds=_TIMEOUT_SECONDS, log=log, **options)
        if finished.timed_out:
            raise NetworkError(f"cannot {what}: uv did not end within an hour", remedy="try again", log=log)
        if finished.returncode != 0:
            raise failure(what, finished.stderr, log, offline=self._offline)

    def _run(self, command: list[str], **options: Any) -> process.Finished:
        try:
            return process.run(command, environ=self.child_environ(), **options)
        except OSError as error:
            raise ProvisionError(f"cannot start {command[0]}: {error.strerror}") from error


def _runs_on_fitting(recipe: PypiRecipe) -> bool:
    """Whether the python that we run on fits; a frozen program runs on none."""
    version = ".".join(str(part) for part in sys.version_info[:3])
    return not getattr(sys, "frozen", False) and fits(version, recipe.python)


def fits(version: str, specifier: str) -> bool:
    """Whether a version such as `3.12.7` satisfies e.g. `>=3.10,<3.14`, pre-releases too; PEP 440."""
    from packaging.specifiers import SpecifierSet

    return SpecifierSet(specifier).contains(version, prereleases=True)
