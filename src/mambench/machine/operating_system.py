"""The operating system: its name for a person, and conda's name for the platform."""

from __future__ import annotations

import platform
import sysconfig
from pathlib import Path

from mambench.machine import calls
from mambench.machine.readings import best_effort, read_text

ARCHITECTURES = {"x86_64": "64", "amd64": "64", "arm64": "arm64", "aarch64": "arm64"}

WINDOWS_VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
WINDOWS_BIOS_KEY = r"HARDWARE\DESCRIPTION\System\BIOS"
WINDOWS_11_BUILD = 22000


def conda_platform(system: str, architecture: str) -> str:
    """Conda's name for a platform, such as `linux-aarch64`; one it lacks is spelled the same way."""
    suffix = ARCHITECTURES.get(architecture.lower(), architecture.lower())
    if system == "Linux":
        return f"linux-{'aarch64' if suffix == 'arm64' else suffix}"
    return f"{ {'Darwin': 'osx', 'Windows': 'win'}.get(system, system.lower()) }-{suffix}"


def platform_here() -> str:
    """Conda's name for this platform."""
    return conda_platform(platform.system(), architecture_of(platform.system()))


def architecture_of(system: str) -> str:
    """Of this program, not of the processor: an emulated program needs packages of its own kind."""
    if system == "Windows":
        return sysconfig.get_platform().removeprefix("win-")
    return platform.machine()


def os_words(system: str, *, root: Path = Path("/")) -> str:
    """The operating system as a person names it, such as `Debian GNU/Linux 12 (bookworm), kernel 6.1`."""
    if system == "Linux":
        release = best_effort(platform.freedesktop_os_release) or {}
        major_minor = ".".join(kernel(root).split(".")[:2])
        return f"{release.get('PRETTY_NAME') or release.get('NAME') or 'Linux'}, kernel {major_minor}"
    if system == "Windows":
        return _windows_words()
    if system == "Darwin":
        return f"macOS {platform.mac_ver()[0]}".rstrip()
    return f"{system} {platform.release()}".rstrip()


def kernel(root: Path) -> str:
    """The release of the running Linux kernel."""
    return read_text(root / "proc/sys/kernel/osrelease") or platform.release()


def kernel_release(system: str, *, root: Path = Path("/")) -> str | None:
    """The whole release of the running kernel; on Windows the build with the number of its last update."""
    if system == "Linux":
        return kernel(root) or None
    if system == "Windows":
        update = calls.registry(WINDOWS_VERSION_KEY, "UBR")
        return ".".join(filter(None, (platform.version(), str(update or "")))) or None
    return platform.release() or None


def firmware(system: str, *, root: Path = Path("/")) -> str | None:
    """Version and date of the BIOS or UEFI, such as `2.19.1 (06/04/2024)`."""
    if system == "Linux":
        told = [read_text(root / f"sys/class/dmi/id/bios_{name}") for name in ("version", "date")]
    else:
        values = (calls.registry(WINDOWS_BIOS_KEY, name) for name in ("BIOSVersion", "BIOSReleaseDate"))
        told = [str(value or "").strip() for value in values]
    version, date = told
    return f"{version} ({date})" if version and date else version or None


def _windows_words() -> str:
    """`ProductName` still says Windows 10 on 11, so that the build decides."""
    build = str(calls.registry(WINDOWS_VERSION_KEY, "CurrentBuildNumber") or platform.version().rpartition(".")[2])
    name = "Windows 11" if build.isdecimal() and int(build) >= WINDOWS_11_BUILD else "Windows 10"
    product = str(calls.registry(WINDOWS_VERSION_KEY, "ProductName") or "")
    if "Server" in product:
        name = product
    release = calls.registry(WINDOWS_VERSION_KEY, "DisplayVersion")
    return f"{name} {release} ({build})" if release else f"{name} ({build})"
