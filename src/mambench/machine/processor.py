"""The processor: its model, cores, instruction sets, and how many cores this process may use."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from mambench.machine import calls, cgroup, throughput
from mambench.machine.readings import best_effort, read_number, read_text
from mambench.model import Cpu

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

WINDOWS_CPU_KEY = r"HARDWARE\DESCRIPTION\System\CentralProcessor\0"


def processor(root: Path, system: str) -> Cpu:
    """All that a report says about the processor."""
    logical = best_effort(lambda: psutil.cpu_count()) or os.cpu_count() or 1
    physical = best_effort(lambda: psutil.cpu_count(logical=False))
    model, simd = _cpu_model(root, system), _simd(root, system)
    who = throughput.identity(system, first_processor(root), key=WINDOWS_CPU_KEY)
    return Cpu(
        model=model,
        physical_cores=physical or logical,
        logical_cores=logical,
        usable_cores=usable_cores(root=root, system=system, logical_cores=logical),
        simd=simd,
        max_mhz=_max_mhz(root, system),
        throughput=throughput.of_cpu(who, model=model, simd=simd),
        microcode=_microcode(root, system),
        boost=_boost(root) if system == "Linux" else None,
        numa_nodes=len(list(root.glob("sys/devices/system/node/node[0-9]*"))) or None,
    )


def first_processor(root: Path) -> dict[str, str]:
    """The first processor of /proc/cpuinfo."""
    text = read_text(root / "proc/cpuinfo") or ""
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {key.strip(): value.strip() for key, separator, value in pairs if separator}


def _cpu_model(root: Path, system: str) -> str:
    model: object
    if system == "Linux":
        model = _linux_cpu_model(root)
    elif system == "Darwin":
        model = calls.sysctl_text("machdep.cpu.brand_string")
    else:
        model = calls.registry(WINDOWS_CPU_KEY, "ProcessorNameString")
    return " ".join(str(model or platform.machine() or "unknown").split())


def _linux_cpu_model(root: Path) -> str | None:
    """The model's name; ARM processors have none, but boards do, and servers at least a maker and a part."""
    cpuinfo = first_processor(root)
    if cpuinfo.get("model name", "unknown") != "unknown":
        return cpuinfo["model name"]
    board = read_text(root / "proc/device-tree/model")
    if board:
        return board
    if "CPU part" in cpuinfo:
        return f"ARM implementer {cpuinfo.get('CPU implementer', '?')} part {cpuinfo['CPU part']}"
    return None


def _simd(root: Path, system: str) -> tuple[str, ...]:
    cpuinfo = first_processor(root) if system == "Linux" else {}
    flags = (cpuinfo.get("flags") or cpuinfo.get("Features") or "").split()

    def has(flag: str, sysctl: str | None, feature: int | None) -> bool:
        if system == "Linux":
            return flag in flags
        if system == "Darwin":
            return sysctl is not None and calls.sysctl_number(sysctl) == 1
        return feature is not None and calls.windows_feature(feature)

    return tuple(name for name, flag, sysctl, feature in SIMD if has(flag, sysctl, feature))


def _microcode(root: Path, system: str) -> str | None:
    """As Linux writes it; Windows has eight bytes, of which Intel's processors fill the upper half."""
    if system == "Linux":
        return first_processor(root).get("microcode") or None
    told = calls.registry_bytes(WINDOWS_CPU_KEY, "Update Revision") or b""
    low, high = (int.from_bytes(half, "little") for half in (told[:4], told[4:8]))
    return hex(high or low) if high or low else None


def _boost(root: Path) -> bool | None:
    """By intel_pstate, or by the drivers that have one switch for all cores."""
    cpus = root / "sys/devices/system/cpu"
    refused, allowed = read_number(cpus / "intel_pstate/no_turbo"), read_number(cpus / "cpufreq/boost")
    if refused is not None:
        return not refused
    return None if allowed is None else bool(allowed)


def _max_mhz(root: Path, system: str) -> float | None:
    if system == "Linux":
        khz = read_number(root / "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
        return None if khz is None else khz / 1000
    mhz = best_effort(lambda: float(psutil.cpu_freq().max))
    return mhz if mhz and math.isfinite(mhz) else None


def usable_cores(*, root: Path = Path("/"), system: str | None = None, logical_cores: int) -> int:
    """Cores that affinity and cgroup CPU time leave to this process; a part of a core counts as one."""
    system = system or platform.system()
    quota = cgroup.cpu_quota(root, system)
    cores = _affinity_cores() or logical_cores
    return max(1, cores if quota is None else min(cores, math.ceil(quota)))


def _affinity_cores() -> int | None:
    if sys.platform == "linux":
        return best_effort(lambda: len(os.sched_getaffinity(0)))
    if sys.platform == "win32":
        affinity = best_effort(lambda: len(psutil.Process().cpu_affinity())) or 0
        return cores_in_groups(affinity, calls.processor_groups(), build=sys.getwindowsversion().build)
    return None


def cores_in_groups(affinity: int, groups: Sequence[int], *, build: int) -> int | None:
    """The logical processors that a process on Windows may use; `groups` are the sizes of the processor groups.

    An affinity mask counts within one group, of 64 at most. Since Windows 11 and Server 2022 (build 20348) threads
    spread over all groups unless the mask takes some away. Source: "Processor Groups" in the Win32 documentation.
    """
    whole = affinity == 0 or affinity in groups
    if len(groups) > 1 and whole:
        return sum(groups) if build >= 20348 else affinity or max(groups)
    return affinity or None
