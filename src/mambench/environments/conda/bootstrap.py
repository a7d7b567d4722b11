"""Where micromamba comes from: the user's own, the carried archive, a download. Ours is verified every time."""

from __future__ import annotations

import contextlib
import os
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from mambench.environments import pinned
from mambench.errors import ProvisionError, UnavailableError
from mambench.model import Reason
from mambench.system import addresses, mutex, network
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
    content, entry = pinned.read(file, platform, program="micromamba")
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
        if (present := self.present()) is not None:
            return present
        pin, note = self._pin(), ""
        target = self._target(pin)
        who = "the mambench that brings micromamba"
        with mutex.held(self._home, "micromamba", who, on_wait=lambda _who: on_bytes(0, None)):
            sha256 = pinned.sha256_of(target)
            self._bring_runtime(target)
            if sha256 != pin.executable_sha256:  # else another mambench brought it meanwhile
                note = f"{target} was changed; it was not run but replaced" if sha256 is not None else ""
                self._bring(pin, target, on_bytes)
        return replace(self._located(pin), note=note)

    def present(self) -> Located | None:
        """What `locate` would give without any work; None if it would unpack or download."""
        if (given := self._given()) is not None:
            return given
        pin = self._pin()
        target = self._target(pin)
        whole = pinned.is_here(self._home, target, sha256=pin.executable_sha256) and not self._missing_runtime(target)
        return self._located(pin) if whole else None

    @property
    def host(self) -> str:
        """Where it is downloaded from."""
        return addresses.host_of(self._pin().url)

    def carried(self) -> bool:
        """Whether the archive came with this program."""
        return self._carried(self._pin()).is_file()

    def describe(self) -> str:
        """Which micromamba this program uses, in words for `info`."""
        if self._environ.get("MAMBENCH_MICROMAMBA"):
            return f"{self._environ['MAMBENCH_MICROMAMBA']} (MAMBENCH_MICROMAMBA)"
        try:
            pin = self._pin()
        except UnavailableError as error:
            return str(error)
        carried = self._carried(pin).is_file()
        return f"{pin.version}, {'carried' if carried else 'downloaded when it is first needed'}{_doubt(pin)}"

    def _pin(self) -> Pin:
        return read_pin(self._folder / "micromamba.toml", self._platform)

    def _carried(self, pin: Pin) -> Path:
        return self._folder / pin.archive_name

    def _located(self, pin: Pin) -> Located:
        origin = "carried" if self._carried(pin).is_file() else "downloaded"
        return Located(self._target(pin), origin + _doubt(pin), pin.executable_sha256)

    def _given(self) -> Located | None:
        given = self._environ.get("MAMBENCH_MICROMAMBA")
        if not given:
            return None
        executable = Path(os.path.expanduser(given))
        with contextlib.suppress(FileNotFoundError):  # the current folder is gone
            executable = executable.absolute()
        if not executable.is_file() or not os.access(executable, os.X_OK):
            raise UnavailableError(
                Reason.SOURCE,
                f"MAMBENCH_MICROMAMBA names {given}, which is no executable file",
                remedy="correct the variable or unset it",
            )
        return Located(executable, "MAMBENCH_MICROMAMBA")

    def _target(self, pin: Pin) -> Path:
        return pinned.path_in(self._home, "micromamba", pin.version, platform=self._platform)

    def _bring(self, pin: Pin, target: Path, on_bytes: Callable[[int, int | None], None]) -> None:
        carried = self._carried(pin)
        if carried.is_file():
            if pinned.sha256_of(carried) != pin.archive_sha256:
                raise ProvisionError(
                    f"the carried {carried.name} is not the official one: its SHA-256 differs from the pin",
                    remedy="download mambench again",
                )
            unpack(carried, target, pin)
            return
        if self._offline:
            raise UnavailableError(Reason.OFFLINE, "micromamba is not here yet", remedy="run once with a network")
        with self._home.scratch() as folder:
            archive = folder / pin.archive_name
            network.download(pin.url, archive, sha256=pin.archive_sha256, on_bytes=on_bytes)
            unpack(archive, target, pin)

    def _missing_runtime(self, target: Path) -> list[Path]:
        """Carried DLLs of the Visual C++ runtime, which a clean Windows lacks, that are not beside the program."""
        carried = self._folder.glob("*.dll") if target.suffix == ".exe" else ()
        return [each for each in carried if pinned.sha256_of(target.parent / each.name) != pinned.sha256_of(each)]

    def _bring_runtime(self, target: Path) -> None:
        """Before the program, which cannot start without. Raises ProvisionError."""
        for library in self._missing_runtime(target):
            pinned.place(library.read_bytes(), target.parent / library.name)


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
        raise pinned.cannot_unpack(archive.name, error) from error
    pinned.keep(content, target, sha256=pin.executable_sha256, archive=archive.name)
