"""uv: where it is, its command lines, what its messages mean, and the lock that it writes (pylock.toml)."""

from __future__ import annotations

import re
import shutil
import sys
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from mambench import activation, network, pipconfig, process
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.home import Home
from mambench.model import Package, PypiRecipe

TORCH_INDEX = "https://download.pytorch.org/whl/"
_TIMEOUT_SECONDS = 3600.0


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

    def child_environ(self) -> dict[str, str]:
        """The allow-list, the user's UV_* and what pip was told, and our own folders."""
        ours = {
            "UV_CACHE_DIR": str(self._home.cache / "uv"),
            "UV_PYTHON_INSTALL_DIR": str(self._home.tools / "pythons"),
            "UV_PYTHON_INSTALL_BIN": "0",
            "UV_PYTHON_INSTALL_REGISTRY": "0",
            "UV_NO_CONFIG": "1",
            "UV_NO_PROGRESS": "1",
        }
        if self._offline:
            ours["UV_OFFLINE"] = "1"
        child = activation.allowed(self._platform, self._environ)
        child |= {name: value for name, value in self._environ.items() if name.startswith("UV_")}
        child |= pipconfig.uv_variables(self._platform, self._environ, site=Path(sys.prefix))
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
        command = _find_command(recipe)
        found = self._run(command, may_fail=True)
        if found.returncode != 0:
            if (version := self._spare_version(recipe)) is not None and self._spare_python is not None:
                return self._spare_python, version
            if self._offline or not fetch:
                raise UnavailableError("offline", f"no python {recipe.python} is on this machine")
            try:
                self._call(["python", "install", "--no-bin", recipe.python], what=f"fetch a python {recipe.python}")
            except NetworkError as error:
                raise NetworkError(
                    f"no python {recipe.python} is on this machine, and uv could not download one from GitHub, where "
                    f"its pythons are ({error})",
                    remedy="install such a python, or name a mirror of them in UV_PYTHON_INSTALL_MIRROR",
                ) from error
            found = self._run(command, may_fail=False)
        python = Path(found.stdout.strip().splitlines()[-1])
        return python, self._version(python)

    def has_python(self, recipe: PypiRecipe) -> bool:
        """Whether a python that fits is here already."""
        if _runs_on_fitting(recipe) or self._spare_version(recipe) is not None:
            return True
        return self._run(_find_command(recipe), may_fail=True).returncode == 0

    def _spare_version(self, recipe: PypiRecipe) -> str | None:
        if self._spare_python is None:
            return None
        major, minor = (version := self._version(self._spare_python)).split(".")
        return version if fits((int(major), int(minor)), recipe.python) else None

    def _version(self, python: Path) -> str:
        asked = process.run(
            [str(python), "-I", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
            environ=self.child_environ(),
            timeout_seconds=30,
        )
        if asked.returncode != 0 or not re.fullmatch(r"\d+\.\d+", asked.stdout.strip()):
            raise ProvisionError(f"{python} does not run ({process.describe_exit(asked.returncode)})")
        return asked.stdout.strip()

    def compile(self, recipe: PypiRecipe, *, python: Path, folder: Path, log: Path, torch_index: bool) -> str:
        """The text of a pylock.toml for the recipe. Raises ProvisionError, NetworkError."""
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

    def _run(self, command: list[str], *, may_fail: bool, **options: Any) -> process.Finished:
        try:
            finished = process.run(
                [str(self._executable), *command],
                environ=self.child_environ(),
                timeout_seconds=_TIMEOUT_SECONDS,
                **options,
            )
        except OSError as error:
            raise ProvisionError(
                f"cannot start uv at {self._executable}: {error.strerror}",
                remedy="set MAMBENCH_UV to a working uv",
            ) from error
        if finished.returncode != 0 and not may_fail:
            raise ProvisionError(f"uv {command[0]} failed: {finished.stderr}")
        return finished

    def _call(self, command: list[str], *, what: str, log: Path | None = None, **options: Any) -> None:
        finished = self._run(command, may_fail=True, log=log, **options)
        if finished.timed_out:
            raise NetworkError(f"cannot {what}: uv did not end within an hour", remedy="try again", log=log)
        if finished.returncode != 0:
            raise failure(what, finished.stderr, log, offline=self._offline)


def _runs_on_fitting(recipe: PypiRecipe) -> bool:
    """Whether the python that we run on fits; a frozen program runs on none."""
    return not getattr(sys, "frozen", False) and fits(sys.version_info[:2], recipe.python)


def _find_command(recipe: PypiRecipe) -> list[str]:
    return ["python", "find", "--no-project", "--system", recipe.python]


def fits(version: tuple[int, int], specifier: str) -> bool:
    """Whether a python of this major.minor satisfies e.g. `>=3.10,<3.14`."""
    compare: Mapping[str, Callable[[tuple[int, ...]], bool]] = {
        ">=": lambda bound: version >= bound,
        "<=": lambda bound: version <= bound,
        "==": lambda bound: version == bound,
        "!=": lambda bound: version != bound,
        "<": lambda bound: version < bound,
        ">": lambda bound: version > bound,
    }
    for clause in specifier.split(","):
        match = re.fullmatch(r"\s*(>=|<=|==|!=|<|>)\s*(\d+)\.(\d+)\s*", clause)
        if match is None or not compare[match[1]]((int(match[2]), int(match[3]))):
            return False
    return True


def packages_in(lock: str) -> tuple[Package, ...]:
    """The packages that a pylock.toml names, one wheel each; sizes where it has them."""
    packages = []
    for entry in tomllib.loads(lock).get("packages", []):
        files = entry.get("wheels") or [entry.get("archive") or entry.get("sdist") or {}]
        file = files[0]
        url = file.get("url") or (Path(file["path"]).resolve().as_uri() if file.get("path") else None)
        packages.append(
            Package(
                name=entry["name"],
                version=str(entry.get("version", "")),
                channel=entry.get("index"),
                url=network.without_credentials(url) if url else None,
                sha256=file.get("hashes", {}).get("sha256"),
                size_bytes=file.get("size"),
            )
        )
    return tuple(packages)


def failure(what: str, stderr: str, log: Path | None, *, offline: bool) -> ProvisionError | UnavailableError:
    """uv's message as what, why and the next step."""
    begin = re.search(r"^\s*(?:error: |× )", stderr, re.MULTILINE)
    said = stderr[begin.end() :] if begin is not None else stderr
    text = " ".join(re.sub(r"[×╰─▶│├]", " ", said).split()) or "uv said nothing"
    short = network.without_credentials(text)[:400]
    if "os error 28" in text or "No space left" in text:
        return ProvisionError(
            f"cannot {what}: the disk is full", remedy="free disk space, or choose another --home", log=log
        )
    if offline:
        remedy = "run once with a network, then --offline works"
        return UnavailableError("offline", f"cannot {what} offline: {short}", remedy=remedy)
    if any(sign in text for sign in _NETWORK_SIGNS):
        return NetworkError(
            f"cannot {what}: the package index cannot be reached ({short})",
            remedy="see that the network works; a mirror is taken from pip's configuration or UV_DEFAULT_INDEX",
            log=log,
        )
    return ProvisionError(f"cannot {what}: {short}", remedy="the log has all that uv said", log=log)


_NETWORK_SIGNS = (
    "dns error",
    "tcp connect error",
    "client error (Connect)",
    "timed out",
    "connection closed",
    "connection reset",
    "Connection reset",
    "error decoding response body",
    "HTTP status server error",
)


def urls_in(lock: str) -> list[str | None]:
    """The URL of each package's file, credentials included, for asking its size."""
    entries = tomllib.loads(lock).get("packages", [])
    return [
        (entry.get("wheels") or [entry.get("archive") or entry.get("sdist") or {}])[0].get("url") for entry in entries
    ]
