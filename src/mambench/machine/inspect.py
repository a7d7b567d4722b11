"""What this computer is, and what of it this process may use.

Linux is read from /proc, /sys and the cgroup files below `root`, macOS through sysctlbyname, Windows through
its registry and kernel32, GPUs through NVML. What cannot be found out keeps a plain value; `notes` say what
matters.
"""

from __future__ import annotations

import os
import platform
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mambench.machine import calls
from mambench.machine.cgroup import cgroup_memory_limit
from mambench.machine.memory import total_bytes
from mambench.machine.nvml import Driver, ask, gpu_handles, opened_driver
from mambench.machine.processor import first_processor, processor
from mambench.machine.readings import best_effort, read_text, smallest
from mambench.model import Cpu, DeviceKind, Gpu, Machine

GIB = 1024**3


ARCHITECTURES = {"x86_64": "64", "amd64": "64", "arm64": "arm64", "aarch64": "arm64"}


WINDOWS_VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"


WINDOWS_11_BUILD = 22000


IMAGE_FILE_MACHINE_ARM64 = 0xAA64


def inspect(
    *,
    root: Path = Path("/"),
    system: str | None = None,
    architecture: str | None = None,
    environ: Mapping[str, str] | None = None,
    driver: Driver | None = None,
) -> Machine:
    """Everything that a report says about this computer; the arguments are the world it looks at."""
    system = system or platform.system()
    environ = os.environ if environ is None else environ
    name = conda_platform(system, architecture or _architecture(system))
    cpu = processor(root, system)
    total = total_bytes()
    limit = cgroup_memory_limit(root, system)
    gpus, gpu_notes = _gpus(opened_driver() if driver is None else driver, environ)
    if name == "osx-arm64":
        gpus = (*gpus, Gpu(kind=DeviceKind.METAL, index=0, name=cpu.model))
    return Machine(
        hostname=platform.node() or "unknown",
        platform=name,
        os=os_words(system, root=root),
        cpu=cpu,
        memory_bytes=smallest(total, limit) or 0,
        gpus=gpus,
        notes=(*_notes(root, system, name, cpu), *_memory_notes(total, limit), *gpu_notes),
    )


def conda_platform(system: str, architecture: str) -> str:
    """Conda's name for a platform, such as `linux-aarch64`; one it lacks is spelled the same way."""
    suffix = ARCHITECTURES.get(architecture.lower(), architecture.lower())
    if system == "Linux":
        return f"linux-{'aarch64' if suffix == 'arm64' else suffix}"
    return f"{ {'Darwin': 'osx', 'Windows': 'win'}.get(system, system.lower()) }-{suffix}"


def platform_here() -> str:
    """Conda's name for this platform."""
    return conda_platform(platform.system(), _architecture(platform.system()))


def _architecture(system: str) -> str:
    """Of this program, not of the processor: an emulated program needs packages of its own kind."""
    if system == "Windows":
        return sysconfig.get_platform().removeprefix("win-")
    return platform.machine()


def os_words(system: str, *, root: Path = Path("/")) -> str:
    """The operating system as a person names it, such as `Debian GNU/Linux 12 (bookworm), kernel 6.1`."""
    if system == "Linux":
        release = best_effort(platform.freedesktop_os_release) or {}
        kernel = ".".join(_kernel(root).split(".")[:2])
        return f"{release.get('PRETTY_NAME') or release.get('NAME') or 'Linux'}, kernel {kernel}"
    if system == "Windows":
        return _windows_words()
    if system == "Darwin":
        return f"macOS {platform.mac_ver()[0]}".rstrip()
    return f"{system} {platform.release()}".rstrip()


def _kernel(root: Path) -> str:
    return read_text(root / "proc/sys/kernel/osrelease") or platform.release()


def _windows_words() -> str:
    """`ProductName` still says Windows 10 on 11, so that the build decides."""
    build = str(calls.registry(WINDOWS_VERSION_KEY, "CurrentBuildNumber") or platform.version().rpartition(".")[2])
    name = "Windows 11" if build.isdecimal() and int(build) >= WINDOWS_11_BUILD else "Windows 10"
    product = str(calls.registry(WINDOWS_VERSION_KEY, "ProductName") or "")
    if "Server" in product:
        name = product
    release = calls.registry(WINDOWS_VERSION_KEY, "DisplayVersion")
    return f"{name} {release} ({build})" if release else f"{name} ({build})"


def _gpus(driver: Driver, environ: Mapping[str, str]) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that CUDA programs see with CUDA_DEVICE_ORDER=PCI_BUS_ID, and what to know about them."""
    if driver.nvml is None:
        return (), () if driver.problem is None else (driver.problem,)
    nvml = driver.nvml
    gpus = tuple(_gpu(nvml, index, handle) for index, handle in enumerate(gpu_handles(nvml, environ)))
    count = ask(nvml, "nvmlDeviceGetCount") or 0
    notes = []
    if len(gpus) < count:
        notes.append(f"CUDA_VISIBLE_DEVICES hides {count - len(gpus)} of {count} GPUs")
    if "MIG-" in environ.get("CUDA_VISIBLE_DEVICES", ""):
        notes.append("CUDA_VISIBLE_DEVICES names a part of a GPU (MIG), which cannot be measured yet")
    if len(gpus) > 1:
        notes.append("GPUs are numbered by their place on the PCI bus, as with CUDA_DEVICE_ORDER=PCI_BUS_ID")
    return gpus, tuple(notes)


def _gpu(nvml: Any, index: int, handle: Any) -> Gpu:
    memory = ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    cuda = ask(nvml, "nvmlSystemGetCudaDriverVersion")
    capability = ask(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
    return Gpu(
        kind=DeviceKind.CUDA,
        index=index,
        name=ask(nvml, "nvmlDeviceGetName", handle) or "NVIDIA GPU",
        uuid=ask(nvml, "nvmlDeviceGetUUID", handle),
        memory_bytes=None if memory is None else int(memory.total),
        free_bytes=None if memory is None else int(memory.free),
        driver=ask(nvml, "nvmlSystemGetDriverVersion"),
        cuda_version=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        compute_capability=".".join(str(part) for part in capability) if capability else None,
    )


def _notes(root: Path, system: str, name: str, cpu: Cpu) -> Iterator[str]:
    cpuinfo = first_processor(root) if system == "Linux" else {}
    emulation = _emulation(system, name, cpuinfo)
    if emulation:
        yield emulation
    if system == "Linux" and "microsoft" in _kernel(root).lower():
        yield "Windows Subsystem for Linux: cores and memory are what .wslconfig leaves to it"
    elif "hypervisor" in cpuinfo.get("flags", "").split():
        yield "a virtual machine: its host may take processor time from it"
    if cpu.usable_cores < cpu.logical_cores:
        yield f"affinity or cgroup leave {cpu.usable_cores} of {cpu.logical_cores} logical cores to mambench"


def _memory_notes(total: int | None, limit: int | None) -> Iterator[str]:
    if total is None:
        yield "the size of the memory could not be found out"
    elif limit is not None and limit < total:
        yield f"a cgroup leaves {limit / GIB:.1f} of {total / GIB:.1f} GiB of memory to mambench"


def _emulation(system: str, name: str, cpuinfo: Mapping[str, str]) -> str | None:
    advice = "numbers are not this computer's; take the program for ARM"
    if system == "Darwin" and calls.sysctl_number("sysctl.proc_translated") == 1:
        return f"an Intel program under Rosetta 2: {advice}"
    if system == "Windows" and name != "win-arm64" and calls.windows_native_machine() == IMAGE_FILE_MACHINE_ARM64:
        return f"an x64 program emulated on Windows for ARM: {advice}"
    if cpuinfo.get("model name", "").startswith("VirtualApple"):
        return f"an x86-64 Linux emulated on Apple silicon: {advice}"
    return None
