"""uv for a program that finds none: the pinned wheel from the user's package index, verified; its program is kept."""

from __future__ import annotations

import hashlib
import re
import sys
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from mambench.environments import activation
from mambench.environments.conda import bootstrap as locator
from mambench.environments.pypi import pipconfig
from mambench.errors import MambenchError, ProvisionError, UnavailableError
from mambench.model import Reason
from mambench.system import addresses, files, network
from mambench.system.home import Home

PYPI = "https://pypi.org/simple/"


@dataclass(frozen=True)
class Pin:
    """The one wheel of uv that is downloaded for a platform."""

    version: str
    tags: str
    wheel_sha256: str
    executable_sha256: str
    size_bytes: int

    @property
    def file_name(self) -> str:
        """As every package index calls it."""
        return f"uv-{self.version}-{self.tags}.whl"


def read_pin(file: Path, platform: str) -> Pin:
    """The pin for a platform. Raises UnavailableError where there is none."""
    content = tomllib.loads(file.read_text(encoding="utf-8"))
    entry = content.get(platform)
    if entry is None:
        raise UnavailableError(Reason.SOURCE, f"there is no uv for {platform}")
    return Pin(content["version"], entry["tags"], entry["wheel"], entry["executable"], entry["size_bytes"])


class PinnedUv:
    """Finds the wheel where pip would look, downloads it, and keeps the uv in it; verified at every use."""

    def __init__(self, home: Home, pins: Path, *, platform: str, environ: Mapping[str, str]) -> None:
        self._home, self._pins, self._platform, self._environ = home, pins, platform, environ

    def present(self) -> Path | None:
        """The uv that was downloaded before, if nobody changed it."""
        try:
            pin = self.pin()
        except UnavailableError:
            return None
        target = self._target(pin)
        return target if locator.is_file_of(target, pin.executable_sha256) else None

    def pin(self) -> Pin:
        """The pin for this platform. Raises UnavailableError."""
        return read_pin(self._pins, self._platform)

    def locate(self) -> str:
        """The wheel's URL, in the first index or folder that has it. Raises UnavailableError."""
        name, problems = self.pin().file_name, []
        for page in self._pages():
            try:
                links = network.links(page, variables=self._variables())
            except MambenchError as error:
                problems.append(str(error))
                continue
            found = next((link for link in links if unquote(urlsplit(link).path).endswith(f"/{name}")), None)
            if found is not None:
                return found
            problems.append(f"{addresses.without_credentials(page)} has no {name}")
        raise UnavailableError(
            Reason.SOURCE,
            "; ".join(problems) or "pip's configuration names no index",
            remedy="name a uv in MAMBENCH_UV",
        )

    def fetch(self, url: str, on_bytes: Callable[[int, int | None], None]) -> None:
        """Download the wheel and keep its program. Raises NetworkError, ProvisionError."""
        pin = self.pin()
        with self._home.mutex("uv"), self._home.scratch() as folder:
            wheel = folder / pin.file_name
            network.download(url, wheel, sha256=pin.wheel_sha256, on_bytes=on_bytes, variables=self._variables())
            unpack(wheel, self._target(pin), pin)

    def _target(self, pin: Pin) -> Path:
        name = "uv.exe" if activation.is_windows(self._platform) else "uv"
        return self._home.tools / f"uv-{pin.version}" / name

    def _variables(self) -> dict[str, str]:
        given = {name: value for name, value in self._environ.items() if name.startswith("UV_")}
        return {**given, **pipconfig.uv_variables(self._platform, self._environ, site=Path(sys.prefix))}

    def _pages(self) -> Iterator[str]:
        """Where uv's wheels may be: folders and pages of links first, as they are the nearest."""
        told = self._variables()
        yield from filter(None, told.get("UV_FIND_LINKS", "").split(","))
        if told.get("UV_NO_INDEX"):
            return
        indexes = f"{told.get('UV_INDEX', '')} {told.get('UV_EXTRA_INDEX_URL', '')}".split()
        for index in (*indexes, told.get("UV_DEFAULT_INDEX") or told.get("UV_INDEX_URL") or PYPI):
            yield re.sub(r"^[\w.-]+=", "", index).rstrip("/") + "/uv/"  # uv's own variables may put NAME= before it


def unpack(wheel: Path, target: Path, pin: Pin) -> None:
    """Take the program out of the wheel and put it to `target`, verified. Raises ProvisionError."""
    try:
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(f"uv-{pin.version}.data/scripts/{target.name}")
        if hashlib.sha256(content).hexdigest() != pin.executable_sha256:
            raise ProvisionError(f"the uv in {wheel.name} is not the pinned one: its SHA-256 differs")
        target.parent.mkdir(parents=True, exist_ok=True)
        files.write_bytes(target, content, executable=True)
    except (zipfile.BadZipFile, KeyError) as error:
        raise ProvisionError(f"cannot unpack {wheel.name}: {error}") from error
    except OSError as error:
        raise ProvisionError(
            f"cannot write {target}: {error.strerror}", remedy="free disk space, or choose another --home"
        ) from error
