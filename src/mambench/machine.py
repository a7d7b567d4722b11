"""What this computer is, and what of it this process may use.

Linux is read from /proc, /sys and the cgroup files below `root`, macOS through sysctlbyname, Windows through
its registry and kernel32, GPUs through NVML. What cannot be found out keeps a plain value; `notes` say what
matters.
"""

from __future__ import annotations

import math
import os
import platform
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil

from mambench.conditions import (
    Driver,
    ask,
    best_effort,
    gpu_handles,
    opened_driver,
    read_number,
    read_text,
)
from mambench.model import Cpu, Gpu, Machine

GIB = 1024**3

ARCHITECTURES = {"x86_64": "64", "amd64": "64", "arm64": "arm64", "aarch64": "arm64"}

SIMD: tuple[tuple[str, str, str | None, int | None], ...] = (
    # name, flag in /proc/cpuinfo, sysctl on macOS, IsProcessorFeaturePresent on Windows
    ("sse4.2", "sse4_2", "hw.optional.sse4_2", 38),
    ("avx", "avx", "hw.optional.avx1_0", 39),
    ("avx2", "avx2", "hw.optional.avx2_0", 40),
    ("fma", "fma", "hw.optional.fma", None),
    ("avx512f", "avx512f", "hw.optional.avx512f", 41),
    ("avx512_bf16", "avx512_bf16", None, None),
    ("avx512_fp16", "avx512_fp16", None, None),
    ("avx512_vnni", "avx512_vnni", "hw.optional.avx512vnni", None),
    ("amx_tile", "amx_tile", None, None),
    ("amx_bf16", "amx_bf16", None, None),
    ("amx_int8", "amx_int8", None, None),
    ("avx_vnni", "avx_vnni", None, None),
    ("neon", "asimd", "hw.optional.AdvSIMD", 19),
    ("fp16", "asimdhp", "hw.optional.arm.FEAT_FP16", None),
    ("dotprod", "asimddp", "hw.optional.arm.FEAT_DotProd", 43),
    ("bf16", "bf16", "hw.optional.arm.FEAT_BF16", None),
    ("i8mm", "i8mm", "hw.optional.arm.FEAT_I8MM", None),
    ("sve", "sve", None, 46),
    ("sve2", "sve2", None, 47),
    ("sme", "sme", "hw.optional.arm.FEAT_SME", None),
)
"""Instruction sets that decide how fast a product can be, in the order in which they are usually named."""

WINDOWS_VERSION_KEY = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
WINDOWS_CPU_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"
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
    cpu = _cpu(root, system)
    total = _total_bytes()
    limit = _cgroup_memory_limit(root, system)
    gpus, gpu_notes = _gpus(opened_driver() if driver is None else driver, environ)
    if name == "osx-arm64":
        gpus = (*gpus, Gpu(kind="metal", index=0, name=cpu.model))
    return Machine(
        hostname=platform.node() or "unknown",
        platform=name,
        os=os_words(system, root=root),
        cpu=cpu,
        memory_bytes=_smallest(total, limit) or 0,
        gpus=gpus,
        notes=(*_notes(root, system, name, cpu), *_memory_notes(total, limit), *gpu_notes),
    )


# --------------------------------------------------------------------------------------- operating system


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
    build = str(registry(WINDOWS_VERSION_KEY, "CurrentBuildNumber") or platform.version().rpartition(".")[2])
    name = "Windows 11" if build.isdecimal() and int(build) >= WINDOWS_11_BUILD else "Windows 10"
    product = str(registry(WINDOWS_VERSION_KEY, "ProductName") or "")
    if "Server" in product:
        name = product
    release = registry(WINDOWS_VERSION_KEY, "DisplayVersion")
    return f"{name} {release} ({build})" if release else f"{name} ({build})"


# ---------------------------------------------------------------------------------------------- processor


def _cpu(root: Path, system: str) -> Cpu:
    logical = best_effort(lambda: psutil.cpu_count()) or os.cpu_count() or 1
    physical = best_effort(lambda: psutil.cpu_count(logical=False))
    return Cpu(
        model=_cpu_model(root, system),
        physical_cores=physical or logical,
        logical_cores=logical,
        usable_cores=usable_cores(root=root, system=system, logical_cores=logical),
        simd=_simd(root, system),
        max_mhz=_max_mhz(root, system),
    )


def _cpuinfo(root: Path) -> dict[str, str]:
    """The first processor of /proc/cpuinfo."""
    text = read_text(root / "proc/cpuinfo") or ""
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, separator, value in pairs if separator}


def _cpu_model(root: Path, system: str) -> str:
    found: object
    if system == "Linux":
        found = _linux_cpu_model(root)
    elif system == "Darwin":
        found = sysctl_text("machdep.cpu.brand_string")
    else:
        found = registry(WINDOWS_CPU_KEY, "ProcessorNameString")
    return " ".join(str(found or platform.processor() or "unknown").split())


def _linux_cpu_model(root: Path) -> str | None:
    """The model's name; ARM processors have none, but boards do, and servers at least a maker and a part."""
    cpuinfo = _cpuinfo(root)
    if cpuinfo.get("model name", "unknown") != "unknown":
        return cpuinfo["model name"]
    board = read_text(root / "proc/device-tree/model")
    if board:
        return board
    if "CPU part" in cpuinfo:
        return f"ARM implementer {cpuinfo.get('CPU implementer', '?')} part {cpuinfo['CPU part']}"
    return None


def _simd(root: Path, system: str) -> tuple[str, ...]:
    cpuinfo = _cpuinfo(root) if system == "Linux" else {}
    flags = (cpuinfo.get("flags") or cpuinfo.get("Features") or "").split()

    def has(flag: str, sysctl: str | None, feature: int | None) -> bool:
        if system == "Linux":
            return flag in flags
        if system == "Darwin":
            return sysctl is not None and sysctl_number(sysctl) == 1
        return feature is not None and windows_feature(feature)

    return tuple(name for name, flag, sysctl, feature in SIMD if has(flag, sysctl, feature))


def _max_mhz(root: Path, system: str) -> float | None:
    if system == "Linux":
        khz = read_number(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
        return None if khz is None else khz / 1000
    mhz = best_effort(lambda: float(psutil.cpu_freq().max))
    return mhz if mhz and math.isfinite(mhz) else None


def usable_cores(*, root: Path = Path("/"), system: str | None = None, logical_cores: int) -> int:
    """Cores that affinity and cgroup CPU time leave to this process; half a core counts as one."""
    system = system or platform.system()
    quota = _cgroup_cpu_quota(root, system)
    cores = _affinity_cores() or logical_cores
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def _affinity_cores() -> int | None:
    if sys.platform == "linux":
        return best_effort(lambda: len(os.sched_getaffinity(0)))
    if sys.platform == "win32":
        return best_effort(lambda: len(psutil.Process().cpu_affinity()))
    return None


# ------------------------------------------------------------------------------------------------- memory


def available_bytes(*, root: Path = Path("/"), system: str | None = None) -> int:
    """Memory that can be had now without swapping; page cache that the cgroup would drop counts as such."""
    system = system or platform.system()
    free = best_effort(lambda: int(psutil.virtual_memory().available)) or _pages("SC_AVPHYS_PAGES")
    return max(0, _smallest(free, *_cgroup_headrooms(root, system)) or 0)


def _total_bytes() -> int | None:
    return best_effort(lambda: int(psutil.virtual_memory().total)) or _pages("SC_PHYS_PAGES")


def _pages(name: str) -> int | None:
    if sys.platform == "win32":
        return None
    return best_effort(lambda: os.sysconf(name) * os.sysconf("SC_PAGE_SIZE"))


def _smallest(*values: float | None) -> int | None:
    known = [int(value) for value in values if value is not None]
    return min(known, default=None)


# ------------------------------------------------------------------------------------------------- cgroup


def _cgroup_folders(root: Path, system: str, controller: str) -> Iterator[Path]:
    """Our own group and those above it, in v1 and v2: each of them may set a limit.

    In a container the path in /proc may be the host's while the mount begins at our group, so folders that do
    not exist are passed over and the mount itself always counts.
    """
    if system != "Linux":
        return
    mount = root / "sys/fs/cgroup"
    for line in (read_text(root / "proc/self/cgroup") or "").splitlines():
        names, _, path = line.partition(":")[2].partition(":")
        if not names:
            mounts = [mount, mount / "unified"]
        elif controller in names.split(","):
            mounts = list(dict.fromkeys([mount / names, mount / controller]))
        else:
            continue
        parts = [part for part in path.split("/") if part not in ("", "..")]
        for top in mounts:
            folders = (top.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))
            yield from (folder for folder in folders if folder.is_dir())


def _folder_memory_limit(folder: Path) -> int | None:
    """v2: `memory.max`, and `memory.high`, above which a process crawls; v1: `memory.limit_in_bytes`."""
    names = ("memory.max", "memory.high", "memory.limit_in_bytes")
    return _smallest(*(read_number(folder / name) for name in names))


def _cgroup_memory_limit(root: Path, system: str) -> int | None:
    return _smallest(*(_folder_memory_limit(folder) for folder in _cgroup_folders(root, system, "memory")))


def _cgroup_headrooms(root: Path, system: str) -> Iterator[int]:
    for folder in _cgroup_folders(root, system, "memory"):
        limit = _folder_memory_limit(folder)
        names = ("memory.current", "memory.usage_in_bytes")
        used = _smallest(*(read_number(folder / name) for name in names))
        if limit is not None and used is not None:
            yield limit - max(0, used - _inactive_file(folder))


def _inactive_file(folder: Path) -> int:
    """Page cache that the kernel gives up first, of a group and those below it; v1 has a total of its own."""
    lines = (line.split() for line in (read_text(folder / "memory.stat") or "").splitlines())
    values = {line[0]: int(line[1]) for line in lines if len(line) == 2 and line[1].isdecimal()}
    return values.get("total_inactive_file", values.get("inactive_file", 0))


def _cgroup_cpu_quota(root: Path, system: str) -> float | None:
    """Processor time per time, in cores."""
    quotas = [_folder_cpu_quota(folder) for folder in _cgroup_folders(root, system, "cpu")]
    return min((quota for quota in quotas if quota is not None), default=None)


def _folder_cpu_quota(folder: Path) -> float | None:
    words = (read_text(folder / "cpu.max") or "").split()
    if len(words) == 2 and all(word.isdecimal() for word in words):
        quota, period = float(words[0]), float(words[1])
    else:
        quota = read_number(folder / "cpu.cfs_quota_us") or 0
        period = read_number(folder / "cpu.cfs_period_us") or 0
    return quota / period if quota > 0 and period > 0 else None


# --------------------------------------------------------------------------------------------------- GPUs


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
        kind="cuda",
        index=index,
        name=ask(nvml, "nvmlDeviceGetName", handle) or "NVIDIA GPU",
        uuid=ask(nvml, "nvmlDeviceGetUUID", handle),
        memory_bytes=None if memory is None else int(memory.total),
        free_bytes=None if memory is None else int(memory.free),
        driver=ask(nvml, "nvmlSystemGetDriverVersion"),
        cuda_version=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        compute_capability=".".join(str(part) for part in capability) if capability else None,
    )


# -------------------------------------------------------------------------------------------------- notes


def _notes(root: Path, system: str, name: str, cpu: Cpu) -> Iterator[str]:
    cpuinfo = _cpuinfo(root) if system == "Linux" else {}
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
    if system == "Darwin" and sysctl_number("sysctl.proc_translated") == 1:
        return f"an Intel program under Rosetta 2: {advice}"
    if system == "Windows" and name != "win-arm64" and windows_native_machine() == IMAGE_FILE_MACHINE_ARM64:
        return f"an x64 program emulated on Windows for ARM: {advice}"
    if cpuinfo.get("model name", "").startswith("VirtualApple"):
        return f"an x86-64 Linux emulated on Apple silicon: {advice}"
    return None


# ------------------------------------------------------------------------------------------ system calls


def _sysctl(name: str) -> bytes | None:
    """The raw value of a macOS setting, through libc."""
    if sys.platform != "darwin":
        return None
    import ctypes

    libc = ctypes.CDLL(None)
    size = ctypes.c_size_t(0)
    if libc.sysctlbyname(name.encode(), None, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return None
    value = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return None
    return bytes(value.raw[: size.value])


def sysctl_text(name: str) -> str | None:
    """A macOS setting that is text; None elsewhere, or where there is no such setting."""
    value = best_effort(lambda: _sysctl(name))
    return None if value is None else value.rstrip(b"\0").decode(errors="replace")


def sysctl_number(name: str) -> int | None:
    """A macOS setting that is a number; None elsewhere, or where there is no such setting."""
    value = best_effort(lambda: _sysctl(name))
    return None if value is None else int.from_bytes(value, sys.byteorder)


def registry(key: str, name: str) -> str | int | None:
    """A value below HKEY_LOCAL_MACHINE; None elsewhere than on Windows, or where there is none."""
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            value = winreg.QueryValueEx(opened, name)[0]
    except OSError:
        return None
    return value if isinstance(value, (str, int)) else None


def windows_feature(number: int) -> bool:
    """What IsProcessorFeaturePresent says; False elsewhere than on Windows."""
    if sys.platform != "win32":
        return False
    import ctypes

    return bool(best_effort(lambda: ctypes.windll.kernel32.IsProcessorFeaturePresent(number)))


def windows_native_machine() -> int | None:
    """The IMAGE_FILE_MACHINE of the processor, also in an emulated program (Windows 10 1709 and later)."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    process, native = wintypes.USHORT(0), wintypes.USHORT(0)
    kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    try:
        ask_machine = kernel32.IsWow64Process2
    except AttributeError:
        return None
    ask_machine.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.USHORT), ctypes.POINTER(wintypes.USHORT)]
    if not ask_machine(kernel32.GetCurrentProcess(), ctypes.byref(process), ctypes.byref(native)):
        return None
    return int(native.value)
