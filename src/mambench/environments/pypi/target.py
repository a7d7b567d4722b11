"""Which wheels fit a platform and a python, and what a marker says there; either may be another computer's. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

_WHEELS = {
    "linux-64": r"(many)?linux.*_x86_64",
    "linux-aarch64": r"(many)?linux.*_aarch64",
    "osx-64": r"macosx_.*_(x86_64|universal2|intel)",
    "osx-arm64": r"macosx_.*_(arm64|universal2)",
    "win-64": r"win_amd64",
}
"""The last part of a wheel's tags, by platform. musl's are for another Linux than that of our pythons."""

_MACHINES = {
    "linux-64": "x86_64",
    "linux-aarch64": "aarch64",
    "osx-64": "x86_64",
    "osx-arm64": "arm64",
    "win-64": "AMD64",
}
_SYSTEMS = {
    "linux": ("posix", "linux", "Linux"),
    "osx": ("posix", "darwin", "Darwin"),
    "win": ("nt", "win32", "Windows"),
}


@dataclass(frozen=True)
class Target:
    """A platform by conda's name, and a python such as `3.12`."""

    platform: str
    python: str

    def takes(self, file_name: str) -> bool:
        """Whether a wheel of this name can be installed; a name that tells nothing is not refused."""
        from packaging.tags import compatible_tags, cpython_tags
        from packaging.utils import InvalidWheelFilename, parse_wheel_filename

        try:
            tags = parse_wheel_filename(file_name)[3]
        except InvalidWheelFilename:
            return not file_name.endswith((".tar.gz", ".zip"))
        version = self._version
        interpreter = "cp{}{}".format(*version)
        known = [*cpython_tags(version, [interpreter], [""]), *compatible_tags(version, interpreter, [""])]
        kinds = {(tag.interpreter, tag.abi) for tag in known}
        return any((tag.interpreter, tag.abi) in kinds and self._is_for(tag.platform) for tag in tags)

    def _is_for(self, tag: str) -> bool:
        return tag == "any" or re.fullmatch(_WHEELS.get(self.platform, "any"), tag) is not None

    def meets(self, marker: str) -> bool:
        """Whether a marker such as `sys_platform == 'win32'` holds. Raises ValueError."""
        from packaging.markers import InvalidMarker, Marker, UndefinedEnvironmentName

        os_name, sys_platform, system = _SYSTEMS[self.platform.partition("-")[0]]
        surroundings = {
            "os_name": os_name,
            "sys_platform": sys_platform,
            "platform_system": system,
            "platform_machine": _MACHINES.get(self.platform, ""),
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }
        try:
            return Marker(marker).evaluate(surroundings)
        except (InvalidMarker, UndefinedEnvironmentName) as error:
            raise ValueError(str(error)) from error

    @property
    def _version(self) -> tuple[int, int]:
        major, minor = self.python.split(".")
        return int(major), int(minor)
