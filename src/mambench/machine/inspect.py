"""What this computer is, and what of it this process may use.

Linux is read from /proc, /sys and the cgroup files below `root`, macOS through sysctlbyname, Windows through
its registry and kernel32, GPUs through NVML. What cannot be found out keeps a plain value; `notes` say what
matters.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Mapping
from pathlib import Path

from mambench.machine import calls, cgroup, gpus
from mambench.machine.memory import total_bytes
from mambench.machine.nvml import Driver, opened_driver
from mambench.machine.operating_system import (
    architecture_of,
    conda_platform,
    firmware,
    kernel,
    kernel_release,
    os_words,
)
from mambench.machine.processor import first_processor, processor
from mambench.machine.readings import smallest
from mambench.machine.throughput import published
from mambench.model import Cpu, DeviceKind, Gpu, Machine

GIB = 1024**3

IMAGE_FILE_MACHINE_ARM64 = 0xAA64
"""Source: "Image File Machine Constants" in the Win32 documentation."""


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
    name = conda_platform(system, architecture or architecture_of(system))
    cpu = processor(root, system)
    total = total_bytes()
    limit = cgroup.memory_limit(root, system)
    listed, gpu_notes = gpus.visible(opened_driver() if driver is None else driver, environ)
    if name == "osx-arm64":
        listed = (*listed, Gpu(kind=DeviceKind.METAL, index=0, name=cpu.model))
    return Machine(
        hostname=platform.node() or "unknown",
        platform=name,
        os=os_words(system, root=root),
        cpu=cpu,
        memory_bytes=smallest(total, limit) or 0,
        gpus=listed,
        notes=(*_notes(root, system, name, cpu), *_memory_notes(total, limit), *gpu_notes),
        references=published(cpu, listed),
        kernel=kernel_release(system, root=root),
        firmware=firmware(system, root=root),
    )


def _notes(root: Path, system: str, name: str, cpu: Cpu) -> Iterator[str]:
    cpuinfo = first_processor(root) if system == "Linux" else {}
    emulation = _emulation(system, name, cpuinfo)
    if emulation:
        yield emulation
    if system == "Linux" and "microsoft" in kernel(root).lower():
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
