"""micromamba: its command lines, and its answers in both JSON shapes."""

from __future__ import annotations

import contextlib
import errno
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mambench.environments import activation
from mambench.environments.conda import credentials
from mambench.environments.conda.channels import channel_url
from mambench.environments.conda.messages import failure
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import Reason
from mambench.system import addresses, contents, ending, files, process, proxies, values
from mambench.system.home import Home

_TIMEOUT_SECONDS = 4 * 3600.0
_CANCEL_GRACE_SECONDS = 1.0


OTHER_SYSTEMS: Mapping[str, Mapping[str, str]] = {
    **dict.fromkeys(("linux-64", "linux-aarch64"), {"CONDA_OVERRIDE_LINUX": "5.10", "CONDA_OVERRIDE_GLIBC": "2.28"}),
    **dict.fromkeys(("osx-64", "osx-arm64"), {"CONDA_OVERRIDE_OSX": "14.0"}),
    **dict.fromkeys(("win-64", "win-arm64"), {"CONDA_OVERRIDE_WIN": "10.0"}),
}
"""What a computer of another platform is taken to have, as virtual packages: the oldest that packages support today."""


@dataclass(frozen=True)
class Solution:
    """What a dry run chose: the records to link, in that order, and which of them the cache lacks."""

    records: tuple[Mapping[str, Any], ...]
    missing: frozenset[str]
    """Names of packages that are to be downloaded."""


class Micromamba:
    """micromamba's command lines, with everything that it reads and writes inside the home."""

    def __init__(
        self,
        executable: Path,
        home: Home,
        *,
        platform: str,
        environ: Mapping[str, str],
        cuda_version: str | None,
        offline: bool = False,
        target: str | None = None,
    ) -> None:
        """`target` is the platform of the environments, where it is another one than that of this computer."""
        self._executable, self._home, self._platform = executable, home, platform
        self._target = target if target != platform else None
        self._environ, self._cuda_version, self._offline = environ, cuda_version, offline

    def child_environ(self) -> dict[str, str]:
        """The allow-list and private folders; nothing of the user's CONDA_* or MAMBA_*. Source: micromamba.md."""
        child = activation.allowed(self._platform, self._environ)
        child |= activation.private_folders(self._platform, self._home.private, self._home.temporary)
        child |= OTHER_SYSTEMS.get(self._target or "", {})
        return child | {
            "MAMBA_NO_RC": "true",
            "CONDA_PKGS_DIRS": json.dumps(str(self.package_cache), ensure_ascii=False),  # it is read as a YAML list
            "CONDA_OVERRIDE_CUDA": self._cuda_version or "",
            "PYTHONNOUSERSITE": "1",
        }

    @property
    def package_cache(self) -> Path:
        """Archives and extracted packages of all prefixes."""
        return self._home.package_cache

    def version(self) -> str:
        """Such as `2.8.1`. Raises ProvisionError."""
        finished = self._run(["--version"], log=None)
        if finished.returncode != 0:
            raise ProvisionError(
                f"{self._executable} does not run: {ending.describe_exit(finished.returncode)}",
                remedy="micromamba needs glibc; on Windows the Visual C++ runtime",
            )
        return finished.stdout.strip().splitlines()[0] if finished.stdout.strip() else "unknown"

    def solve(
        self, specs: Sequence[str], channels: Sequence[str], *, log: Path, on_tick: Callable[[], None]
    ) -> Solution:
        """What a dry run would install into an empty prefix. Raises ProvisionError, NetworkError, UnavailableError."""
        options: dict[str, Any] = {"log": log, "channels": channels, "on_tick": on_tick}
        options["received_bytes"] = lambda: None if self._offline else self._index_bytes()
        with self._home.scratch() as folder:  # of a prefix that exists, a dry run tells the difference only
            command = [*self._create(folder / "prefix"), "--dry-run", *specs, *credentials.channel_words(channels)]
            if self._offline:
                command.append("--offline")
            finished = self._run([*command, "--json"], **options)
            document = _document(finished.stdout)
            if finished.returncode != 0 and "solver_problems" in document:  # the release's JSON hides the reasons
                finished, document = self._run(command, **options), {}
        if finished.returncode != 0:
            self._refuse_offline(finished)
            raise failure("solve the environment", finished, document, log, channels)
        try:
            return _solution(document)
        except (KeyError, TypeError, ValueError) as error:
            why = f"{error} is missing" if isinstance(error, KeyError) else str(error)
            raise ProvisionError(
                f"micromamba's answer has another form: {why}", remedy="see the log", log=log
            ) from error

    def install(
        self,
        lock: Path,
        channels: Sequence[str],
        *,
        prefix: Path,
        log: Path,
        on_line: Callable[[str], None],
        on_tick: Callable[[], None],
        received_bytes: Callable[[], int | None] | None = None,
    ) -> None:
        """Make `prefix` from an @EXPLICIT file. Raises ProvisionError, NetworkError."""
        command = [*self._create(prefix), "--no-pyc", "-f", str(lock)]
        finished = self._run(
            command, log=log, channels=channels, on_line=on_line, on_tick=on_tick, received_bytes=received_bytes
        )
        if finished.returncode != 0:
            raise failure("install the packages", finished, {}, log, channels)

    def _index_bytes(self) -> int:
        """What there is of the channels' indexes, which grow where micromamba may put them."""
        folders = (self.package_cache / "cache", self._home.private / "cache" / "conda", self._home.temporary)
        return sum(map(files.tree_bytes, folders))

    def _create(self, prefix: Path) -> list[str]:
        """A cached package whose files have changed size is extracted anew; that costs nothing (measured)."""
        root = str(self._home.mamba_root)
        target = ["--platform", self._target] if self._target is not None else []
        return ["create", "-p", str(prefix), "-r", root, *target, "--yes", "--no-rc", "--safety-checks", "enabled"]

    def _refuse_offline(self, finished: process.Finished) -> None:
        """Without a network an empty index looks like packages that do not exist."""
        if self._offline and finished.returncode > 0:
            raise UnavailableError(Reason.OFFLINE, "its packages are not here yet", remedy="run once without --offline")

    def _run(
        self, command: Sequence[str], *, log: Path | None, channels: Sequence[str] = (), **options: Any
    ) -> process.Finished:
        with self._surroundings(channels) as environ:
            finished = self._start(command, environ=environ, log=log, **options)
        if finished.timed_out:
            raise NetworkError("micromamba did not end within hours", remedy="try again", log=log)
        if log is not None:
            if finished.returncode != 0:
                _append(log, finished.stdout)  # the main branch gives its reasons there
            credentials.forget(credentials.tokens(channels), [log])
        return finished

    @contextlib.contextmanager
    def _surroundings(self, channels: Sequence[str]) -> Iterator[Mapping[str, str]]:
        """The variables of one call, and the files that they name while it runs. Raises ProvisionError.

        A disk that is full or read-only is told by the file that this makes: micromamba itself says little of it.
        """
        with contextlib.ExitStack() as stack:
            try:
                self._home.mamba_root.mkdir(parents=True, exist_ok=True)
                folder = stack.enter_context(self._home.scratch())
                files.try_writing(self._home.mamba_root)
                environ = self.child_environ() | self._proxies(channels)
                environ |= credentials.login_variables(folder, channels) | credentials.channel_variables(channels)
            except OSError as error:
                raise files.cannot_write(self._home.root, error) from error
            yield environ

    def _proxies(self, channels: Sequence[str]) -> dict[str, str]:
        """The system's proxy, which micromamba does not look up."""
        return proxies.variables(self._environ, (addresses.host_of(channel_url(channel)) for channel in channels))

    def _start(self, command: Sequence[str], **options: Any) -> process.Finished:
        try:
            return process.run(
                [str(self._executable), *command],
                cwd=self._home.temporary,
                timeout_seconds=_TIMEOUT_SECONDS,
                grace_seconds=_CANCEL_GRACE_SECONDS,
                **options,
            )
        except process.StartError as error:
            forbidden = "let programs run in that folder (is it mounted noexec?), or choose another --home"
            needs = "micromamba needs glibc; on Windows the Visual C++ runtime"
            raise ProvisionError(
                f"cannot start micromamba at {self._executable}: {error.strerror}",
                remedy=forbidden if error.errno in (errno.EACCES, errno.EPERM) else needs,
            ) from error


def _solution(document: Mapping[str, Any]) -> Solution:
    """Raises KeyError, TypeError, ValueError for what names no packages."""
    actions = values.table(document.get("actions", {}))
    records = values.several(_record, actions.get("LINK", []))
    if not records:
        raise ValueError("it names no package")
    missing = values.several(values.table, actions.get("FETCH", []))
    return Solution(records, frozenset(values.word(record["name"]) for record in missing))


def _record(content: Any) -> Mapping[str, Any]:
    """The record of a package, with all that is made of it."""
    record = values.table(content)
    for name in ("name", "version", "url"):
        values.word(record[name])
    for name in ("build", "build_string", "channel", "sha256", "md5"):
        values.maybe(values.string, record.get(name))
    values.maybe(values.whole, record.get("size"))
    if not (record.get("sha256") or record.get("md5")):
        raise KeyError("sha256")
    if re.search(r"\s", record["url"]):  # it becomes a line of a lock file
        raise ValueError(f"{values.shown(record['url'])} is no URL")
    return record


def _document(stdout: str) -> dict[str, Any]:
    """The JSON document in what it printed, whatever stands before it."""
    for start in (0, stdout.find("{")):
        try:
            content = contents.json_in(stdout[start:]) if start >= 0 else {}
        except ValueError:
            continue
        return content if isinstance(content, dict) else {}
    return {}


def _append(log: Path, text: str) -> None:
    with contextlib.suppress(OSError), log.open("a", encoding="utf-8") as stream:
        stream.write(addresses.without_credentials(text)[-100_000:] + "\n")
