"""Where micromamba comes from: the user's own, the carried archive, a download. Ours is verified every time."""

from __future__ import annotations

import hashlib
import os
import tarfile
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from mambench.environments import activation
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import Reason
from mambench.system import files, network
from mambench.system.home import Home


@dataclass(frozen=True)
class Pin:
    """The one micromamba that we carry or download for a platform."""

    version: str
    url: str
    archive_sha256: str
    executable_sha256: str
    official: bool = True
    """False in a program that was frozen with another micromamba (scripts/freeze.py --unpinned)."""

    @property
    def archive_name(self) -> str:
        """The archive's file name, with its platform: all of them are called the same on the channel."""
        return f"{self.url.rsplit('/', 2)[1]}-{self.url.rpartition('/')[2]}"


def read_pin(file: Path, platform: str) -> Pin:
    """The pin for a platform. Raises UnavailableError where there is none."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    entry = content.get(platform)
    if entry is None:
        raise UnavailableError(Reason.SOURCE, f"there is no micromamba for {platform}")
    names = {"platform": platform, "version": content["version"], "build": content["build"]}
    return Pin(
        content["version"],
        content["url"].format(**names),
        entry["archive"],
        entry["executable"],
        content.get("official", True),
    )


@dataclass(frozen=True)
class Located:
    """A micromamba that can be run, and how we came by it."""

    executable: Path
    origin: str
    """`MAMBENCH_MICROMAMBA`, `carried` or `downloaded`."""
    sha256: str | None = None
    note: str = ""
    """What a person should know, such as that somebody changed the file."""


class Locator:
    """Finds the executable: MAMBENCH_MICROMAMBA, else the carried archive, else a download. Ours is verified."""

    def __init__(self, home: Home, folder: Path, *, platform: str, environ: Mapping[str, str], offline: bool) -> None:
        self._home, self._folder, self._platform = home, folder, platform
        self._environ, self._offline = environ, offline

    def locate(self, on_bytes: Callable[[int, int | None], None]) -> Located:
        """A verified executable. Raises UnavailableError, NetworkError, ProvisionError."""
        if (given := self._given()) is not None:
            return given
        pin = read_pin(self._folder / "micromamba.toml", self._platform)
        target = self._target(pin)
        carried = self._folder / pin.archive_name
        origin = ("carried" if carried.is_file() else "downloaded") + _doubt(pin)
        note = ""
        if _sha256(target) != pin.executable_sha256:
            with self._home.mutex("micromamba"):
                if (found := _sha256(target)) != pin.executable_sha256:
                    note = f"{target} was changed; it was not run but replaced" if found is not None else ""
                    self._bring(pin, carried, target, on_bytes)
        return Located(target, origin, pin.executable_sha256, note)

    def present(self) -> Located | None:
        """What `locate` would give without any work; None if it would unpack or download."""
        if (given := self._given()) is not None:
            return given
        pin = read_pin(self._folder / "micromamba.toml", self._platform)
        if _sha256(self._target(pin)) != pin.executable_sha256:
            return None
        origin = ("carried" if (self._folder / pin.archive_name).is_file() else "downloaded") + _doubt(pin)
        return Located(self._target(pin), origin, pin.executable_sha256)

    def carried(self) -> bool:
        """Whether the archive came with this program."""
        return (self._folder / read_pin(self._folder / "micromamba.toml", self._platform).archive_name).is_file()

    def describe(self) -> str:
        """Which micromamba this program uses, in words for `info`."""
        if self._environ.get("MAMBENCH_MICROMAMBA"):
            return f"{self._environ['MAMBENCH_MICROMAMBA']} (MAMBENCH_MICROMAMBA)"
        try:
            pin = read_pin(self._folder / "micromamba.toml", self._platform)
        except UnavailableError as error:
            return str(error)
        carried = (self._folder / pin.archive_name).is_file()
        return f"{pin.version}, {'carried' if carried else 'downloaded when it is first needed'}{_doubt(pin)}"

    def _given(self) -> Located | None:
        given = self._environ.get("MAMBENCH_MICROMAMBA")
        if not given:
            return None
        executable = Path(given).expanduser().absolute()
        if not executable.is_file() or not os.access(executable, os.X_OK):
            raise UnavailableError(
                Reason.SOURCE,
                f"MAMBENCH_MICROMAMBA names {given}, which is no executable file",
                remedy="correct the variable or unset it",
            )
        return Located(executable, "MAMBENCH_MICROMAMBA")

    def _target(self, pin: Pin) -> Path:
        name = "micromamba.exe" if activation.is_windows(self._platform) else "micromamba"
        return self._home.tools / f"micromamba-{pin.version}" / name

    def _bring(self, pin: Pin, carried: Path, target: Path, on_bytes: Callable[[int, int | None], None]) -> None:
        if carried.is_file():
            if _sha256(carried) != pin.archive_sha256:
                raise ProvisionError(
                    f"the carried {carried.name} is not the official one: its SHA-256 differs from the pin",
                    remedy="download mambench again",
                )
            unpack(carried, target, pin)
            for library in self._folder.glob("*.dll"):  # the Visual C++ runtime, which a clean Windows lacks
                files.write_bytes(target.parent / library.name, library.read_bytes())
            return
        if self._offline:
            raise UnavailableError(Reason.OFFLINE, "micromamba is not here yet", remedy="run once with a network")
        with self._home.scratch() as folder:
            archive = folder / pin.archive_name
            network.download(pin.url, archive, sha256=pin.archive_sha256, on_bytes=on_bytes)
            unpack(archive, target, pin)


def _doubt(pin: Pin) -> str:
    return "" if pin.official else ", not the official one: this program was built with another"


def unpack(archive: Path, target: Path, pin: Pin) -> None:
    """Take the program out of an official archive and put it to `target`, verified. Raises ProvisionError."""
    member = "Library/bin/micromamba.exe" if target.suffix == ".exe" else "bin/micromamba"
    try:
        with tarfile.open(archive, "r:bz2") as bundle:
            stream = bundle.extractfile(member)
            content = stream.read() if stream is not None else b""
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise ProvisionError(f"cannot unpack {archive.name}: {error}", remedy="download mambench again") from error
    if hashlib.sha256(content).hexdigest() != pin.executable_sha256:
        raise ProvisionError(
            f"the program in {archive.name} is not the official one: its SHA-256 differs",
            remedy="download mambench again",
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(target, content, executable=True)
    except OSError as error:
        raise ProvisionError(
            f"cannot write {target}: {error.strerror}", remedy="free disk space, or choose another --home"
        ) from error


def is_file_of(path: Path, sha256: str) -> bool:
    """Whether `path` is a file with this hash."""
    return _sha256(path) == sha256


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError:
        return None
