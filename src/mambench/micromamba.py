"""micromamba: where it comes from, whether it is the right one, its command lines, its answers in both shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from mambench import activation, network, process
from mambench.errors import NetworkError, ProvisionError
from mambench.home import Home
from mambench.model import Package

DEFAULT_SERVER = "https://conda.anaconda.org/"
_TIMEOUT_SECONDS = 4 * 3600.0
_CANCEL_GRACE_SECONDS = 1.0


class Micromamba:
    """micromamba's command lines, with everything that it reads and writes inside the home."""

    def __init__(
        self, executable: Path, place: Home, *, platform: str, environ: Mapping[str, str], cuda_version: str | None
    ) -> None:
        self._executable, self._home, self._platform = executable, place, platform
        self._environ, self._cuda_version = environ, cuda_version

    def child_environ(self) -> dict[str, str]:
        """The allow-list and private folders; nothing of the user's CONDA_* or MAMBA_*. Source: micromamba.md."""
        child = activation.allowed(self._platform, self._environ)
        child |= activation.private_folders(self._platform, self._home.private, self._home.temporary)
        return child | {
            "MAMBA_NO_RC": "true",
            "CONDA_PKGS_DIRS": str(self.package_cache),
            "CONDA_OVERRIDE_CUDA": self._cuda_version or "",
            "PYTHONNOUSERSITE": "1",
        }

    @property
    def package_cache(self) -> Path:
        """Archives and extracted packages of all prefixes."""
        return self._home.mamba_root / "pkgs"

    def version(self) -> str:
        """Such as `2.8.1`. Raises ProvisionError."""
        finished = self._run(["--version"], log=None)
        if finished.returncode != 0:
            raise ProvisionError(
                f"{self._executable} does not run: {process.describe_exit(finished.returncode)}",
                remedy="micromamba needs glibc; on Windows the Visual C++ runtime",
            )
        return finished.stdout.strip().splitlines()[0] if finished.stdout.strip() else "unknown"

    def solve(self, specs: Sequence[str], channels: Sequence[str], *, prefix: Path, log: Path) -> list[dict[str, Any]]:
        """The records of a dry run's LINK, in its order. Raises ProvisionError, NetworkError."""
        command = ["create", "-p", str(prefix), "-r", str(self._home.mamba_root), "--yes", "--no-rc", *specs]
        for channel in channels:
            command += ["-c", channel]
        finished = self._run([*command, "--override-channels", "--dry-run", "--json"], log=log)
        document = _document(finished.stdout)
        if finished.returncode != 0:
            raise failure("solve the environment", said(finished, document), log)
        records = document.get("actions", {}).get("LINK")
        if not isinstance(records, list) or not records:
            raise ProvisionError("micromamba's dry run names no package", remedy="see the log", log=log)
        return records

    def install(
        self, lock: Path, *, prefix: Path, log: Path, on_line: Callable[[str], None], on_tick: Callable[[], None]
    ) -> None:
        """Make `prefix` from an @EXPLICIT file. Raises ProvisionError, NetworkError."""
        command = ["create", "-y", "-p", str(prefix), "-r", str(self._home.mamba_root), "--no-rc", "--no-pyc"]
        finished = self._run([*command, "-f", str(lock)], log=log, on_line=on_line, on_tick=on_tick)
        if finished.returncode != 0:
            raise failure("install the packages", said(finished, {}), log)

    def _run(self, command: Sequence[str], *, log: Path | None, **options: Any) -> process.Finished:
        self._home.mamba_root.mkdir(parents=True, exist_ok=True)
        try:
            finished = process.run(
                [str(self._executable), *command],
                environ=self.child_environ(),
                cwd=self._home.temporary,
                timeout_seconds=_TIMEOUT_SECONDS,
                grace_seconds=_CANCEL_GRACE_SECONDS,
                log=log,
                **options,
            )
        except OSError as error:
            raise ProvisionError(
                f"cannot start micromamba at {self._executable}: {error.strerror}",
                remedy="micromamba needs glibc; on Windows the Visual C++ runtime",
            ) from error
        if finished.timed_out:
            raise NetworkError("micromamba did not end within hours", remedy="try again", log=log)
        return finished


# -------------------------------------------------------------------------------------------------- locks


def lock_text(records: Sequence[Mapping[str, Any]], channels: Sequence[str]) -> str:
    """An @EXPLICIT file: url#sha256 of each record; logins of the channels are put into its URLs."""
    lines = [
        f"{_with_login(str(record['url']), channels)}#{record.get('sha256') or record['md5']}" for record in records
    ]
    return "\n".join(["@EXPLICIT", *lines]) + "\n"


def without_logins(lock: str) -> str:
    """The lock as it may be kept and shown."""
    return "".join(
        (network.without_credentials(line.partition("#")[0]) + f"#{line.partition('#')[2]}" if "://" in line else line)
        + "\n"
        for line in lock.splitlines()
    )


def packages_of(records: Sequence[Mapping[str, Any]]) -> tuple[Package, ...]:
    """The records as packages, without logins."""
    return tuple(
        Package(
            name=str(record["name"]),
            version=str(record["version"]),
            build=str(record.get("build_string") or record.get("build") or ""),
            channel=network.without_credentials(str(record.get("channel", ""))),
            url=network.without_credentials(str(record["url"])),
            sha256=record.get("sha256"),
            size_bytes=record.get("size"),
        )
        for record in records
    )


def _with_login(url: str, channels: Sequence[str]) -> str:
    parts = urlsplit(url)
    for channel in channels:
        known = urlsplit(channel)
        login, at, host = known.netloc.rpartition("@")
        if at and parts.netloc == host and parts.path.startswith(known.path.rstrip("/") + "/"):
            return urlunsplit(parts._replace(netloc=f"{login}@{host}"))
    return url


# --------------------------------------------------------------------------------------------- its answers


def said(finished: process.Finished, document: Mapping[str, Any]) -> str:
    """All that micromamba gave as reasons: standard error, and the documents of either shape."""
    parts = [finished.stderr]
    if document:
        parts += [str(problem) for problem in document.get("solver_problems", [])]
        history = document.get("log_history", [])
        parts += [str(entry.get("message", "")) for entry in history if isinstance(entry, dict)]
        parts += [str(document.get("message", "")), str(document.get("error", ""))]
    else:
        parts.append(finished.stdout)
    text = "\n".join(part for part in parts if part.strip())
    return text or process.describe_exit(finished.returncode)


_LOGIN = re.compile(r"(https?://)[^/\s@]+@|(/t/)[^/\s]+(?=/)")


@dataclass(frozen=True)
class _Meaning:
    """What a message of micromamba means: its pattern, the error it becomes, words, and the next step."""

    pattern: str
    words: str
    remedy: str
    network: bool = False


_OTHER_WAY = "see that the network works, name a mirror with --channel, or pass --source pypi"
_AGAIN = "try again, or name a mirror with --channel"

_MEANINGS = (
    _Meaning(
        r"(\S+)[^\n]*does not exist \(perhaps",
        "no package {0} is in the channel",
        "edit the stack's TOML file, or pass --source pypi",
    ),
    _Meaning(
        r"__cuda[^\n]*missing on the system",
        "it needs an NVIDIA driver with a newer CUDA",
        "update the driver, or choose a -cpu stack",
    ),
    _Meaning(r"Could not resolve host", "the channel's name is not known here", _OTHER_WAY, network=True),
    _Meaning(
        r"Download error \(7\)|Failed to connect|Couldn't connect",
        "the channel's server refuses connections",
        _OTHER_WAY,
        network=True,
    ),
    _Meaning(
        r"status: ?(40[13])|\b(40[13]) (?:Unauthorized|Forbidden)",
        "the channel refuses the login ({0})",
        "put the login into the channel's URL: https://user:password@server/channel",
    ),
    _Meaning(r"status: ?404|404 Not Found", "the channel has no packages for this platform (404)", "correct --channel"),
    _Meaning(
        r"No space left on device|Input/output error|disk full",
        "the disk is full or broken",
        "free disk space, or choose another --home",
    ),
    _Meaning(
        r"SHA256 doesn't match|MD5 doesn't match|Found incorrect downloads|file size doesn't match",
        "a download is not what the channel promised (wrong hash or size)",
        "try again; if it stays, a proxy or the mirror changes files",
        network=True,
    ),
    _Meaning(
        r"SSL|certificate",
        "the server's certificate is not trusted",
        "set SSL_CERT_FILE to your organisation's certificates",
        network=True,
    ),
    _Meaning(
        r"Operation too slow|[Tt]imed? ?out|timeout",
        "the channel's server stopped answering",
        _AGAIN,
        network=True,
    ),
    _Meaning(
        r"Download error|[Tt]ransfer closed|partial file|Could not load repodata",
        "the download broke off",
        _AGAIN,
        network=True,
    ),
    _Meaning(
        r"Could not parse|json|corrupt",
        "the channel's index, or a package in the cache, is damaged",
        "run `mambench env remove --all` and try again",
    ),
    _Meaning(r"Non-conda folder exists", "a folder is in the way of the prefix", "remove it"),
    _Meaning(
        r"nothing provides|conflict|could not be solved|unsupported request|not installable",
        "its packages do not fit together in this channel: {text}",
        "edit the stack's TOML file, or pass --source pypi",
    ),
)
"""Source: the failure table that was recorded of a real one; the first that matches counts."""


def failure(what: str, text: str, log: Path | None) -> ProvisionError:
    """micromamba's message as what, why and the next step."""
    text = _LOGIN.sub(lambda match: f"{match[1] or match[2]}***" + ("@" if match[1] else ""), text)
    short = " ".join(re.sub(r"\x1b\[[0-9;]*m|[│├└─]", " ", text).split())[-300:]
    for meaning in _MEANINGS:
        if match := re.search(meaning.pattern, text):
            named = next((group for group in match.groups() if group), "")
            kind = NetworkError if meaning.network else ProvisionError
            return kind(f"cannot {what}: {meaning.words.format(named, text=short)}", remedy=meaning.remedy, log=log)
    return ProvisionError(f"cannot {what}: {short}", remedy="the log has all that micromamba said", log=log)


def _document(stdout: str) -> dict[str, Any]:
    """The JSON document in what it printed, whatever stands before it."""
    for start in (0, stdout.find("{")):
        try:
            content = json.loads(stdout[start:]) if start >= 0 else {}
        except ValueError:
            continue
        return content if isinstance(content, dict) else {}
    return {}
