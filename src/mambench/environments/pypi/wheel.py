"""The pinned wheel of uv: found where pip would look, downloaded, verified; the program in it is kept."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mambench.environments import pinned
from mambench.environments.pypi.settings import PACKAGE_ENDS, indexes, uv_settings
from mambench.errors import MambenchError, UnavailableError
from mambench.model import OnEvent, Package, Provisioning, Reason
from mambench.system import addresses, mutex, network
from mambench.system.home import Home


@dataclass(frozen=True)
class Pin:
    """The one wheel of uv that is downloaded for a platform."""

    version: str
    tags: str
    wheel_sha256: str
    executable_sha256: str
    size_bytes: int
    index: str | None = None
    """The package index where the user has configured none; only a frozen program has it (scripts/freeze.py)."""

    @property
    def file_name(self) -> str:
        """As every package index calls it."""
        return f"uv-{self.version}-{self.tags}.whl"


def read_pin(file: Path, platform: str) -> Pin:
    """The pin for a platform. Raises UnavailableError where there is none."""
    content, entry = pinned.read(file, platform, program="uv")
    hashes = entry["wheel"], entry["executable"]
    return Pin(content["version"], entry["tags"], *hashes, entry["size_bytes"], content.get("index"))


class UvWheel:
    """Finds it in the user's indexes and folders, downloads it, and keeps the uv in it; verified at every use."""

    def __init__(self, home: Home, pins: Path, *, platform: str, environ: Mapping[str, str]) -> None:
        self._home, self._pins, self._platform, self._environ = home, pins, platform, environ

    def present(self) -> Path | None:
        """The uv that was downloaded before, if nobody changed it."""
        try:
            pin = self._pin()
        except UnavailableError:
            return None
        target = self._target(pin)
        return target if pinned.is_here(self._home, target, sha256=pin.executable_sha256) else None

    def keep(self, program: Path) -> bool:
        """Take a uv over that is here already, if it is the pinned one. Raises ProvisionError."""
        pin = self._pin()
        if pinned.sha256_of(program) != pin.executable_sha256:
            return False
        pinned.place(program.read_bytes(), self._target(pin))
        return True

    def locate(self, on_event: OnEvent) -> Package:
        """The wheel in the first index or folder that has it. Raises UnavailableError."""
        pin, problems, remedies = self._pin(), [], []
        for page in self._pages(pin):
            try:
                asking = Provisioning("uv", "looking for its wheel", host=addresses.hosts_of([page]))
                links = network.links(
                    page,
                    on_bytes=lambda _done, _total, asking=asking: on_event(asking),  # type: ignore[misc]
                    variables=uv_settings(self._platform, self._environ),
                    ends=PACKAGE_ENDS,
                )
            except MambenchError as error:
                problems.append(str(error))
                remedies.append(error.remedy)
                continue
            url = next((link for link in links if unquote(urlsplit(link).path).endswith(f"/{pin.file_name}")), None)
            if url is not None:
                return Package("uv", pin.version, url=url, sha256=pin.wheel_sha256, size_bytes=pin.size_bytes)
            problems.append(f"{addresses.without_credentials(page)} has no {pin.file_name}")
        if problems:
            remedy = "; ".join([*filter(None, dict.fromkeys(remedies)), "or name a uv in MAMBENCH_UV"])
            raise UnavailableError(Reason.SOURCE, "; ".join(problems), remedy=remedy.removeprefix("or "))
        raise UnavailableError(
            Reason.SOURCE,
            "no package index is configured",
            remedy="name one as index-url in pip's configuration or in UV_DEFAULT_INDEX, or name a uv in MAMBENCH_UV",
        )

    def fetch(self, package: Package, on_event: OnEvent) -> None:
        """Download the wheel and keep its program. Raises NetworkError, ProvisionError."""
        assert package.url is not None and package.sha256 is not None
        host = addresses.hosts_of([package.url])

        def on_bytes(done: int, total: int | None) -> None:
            on_event(Provisioning("uv", "downloading", done, total, host=host))

        pin, variables = self._pin(), uv_settings(self._platform, self._environ)
        turn = mutex.held(self._home, "uv", "the mambench that downloads uv", on_wait=lambda _who: on_bytes(0, None))
        with turn, self._home.scratch() as folder:
            wheel = folder / pin.file_name
            network.download(package.url, wheel, sha256=package.sha256, on_bytes=on_bytes, variables=variables)
            unpack(wheel, self._target(pin), pin)

    def _pin(self) -> Pin:
        return read_pin(self._pins, self._platform)

    def _target(self, pin: Pin) -> Path:
        return pinned.path_in(self._home, "uv", pin.version, platform=self._platform)

    def _pages(self, pin: Pin) -> Iterator[str]:
        """Where uv's wheels may be: folders and pages of links first, as they are the nearest."""
        settings = uv_settings(self._platform, self._environ)
        yield from filter(None, settings.get("UV_FIND_LINKS", "").split(","))
        if not settings.get("UV_NO_INDEX"):
            yield from (f"{index.rstrip('/')}/uv/" for index in indexes(settings, default=pin.index))


def unpack(wheel: Path, target: Path, pin: Pin) -> None:
    """Take the program out of the wheel and put it to `target`, verified. Raises ProvisionError."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(f"uv-{pin.version}.data/scripts/{target.name}")
    except (zipfile.BadZipFile, KeyError, OSError) as error:
        raise pinned.cannot_unpack(wheel.name, error) from error
    pinned.keep(content, target, sha256=pin.executable_sha256, archive=wheel.name)
