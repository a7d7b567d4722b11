"""This computer in words. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from mambench.analysis.words import counted
from mambench.model import Gpu, Machine

IMPLIED = {
    "avx512f": {"sse4.2", "avx", "avx2", "fma"},
    "avx2": {"sse4.2", "avx", "fma"},
    "avx": {"sse4.2"},
    "sve": {"neon"},
    "sve2": {"neon", "sve"},
}
"""What goes without saying where the first is named."""


def machine_facts(machine: Machine) -> tuple[tuple[str, str], ...]:
    """In four lines: CPU with cores and instruction sets, memory, GPUs with driver, operating system."""
    cpu = machine.cpu
    cores = counted(cpu.physical_cores, "core")
    if cpu.usable_cores < cpu.logical_cores:
        cores += f", {cpu.usable_cores} of {cpu.logical_cores} threads usable"
    simd = simd_words(cpu.simd)
    return (
        ("CPU", f"{cpu.model}, {cores}" + (f", {simd}" if simd else "")),
        ("memory", f"{machine.memory_bytes / 2**30:.1f} GiB"),
        ("GPU", gpus_words(machine.gpus)),
        ("system", f"{machine.os} ({machine.platform})"),
    )


def simd_words(simd: tuple[str, ...]) -> str:
    """The instruction sets that matter: those that others imply are left out."""
    implied = set().union(*(IMPLIED.get(name, set()) for name in simd))
    return " ".join(name for name in simd if name not in implied)


def gpus_words(gpus: Iterable[Gpu]) -> str:
    """`2 x NVIDIA H100, 80 GiB, driver 570.10 (CUDA 12.8)`."""
    kinds = Counter(gpu_words(gpu) for gpu in gpus)
    return "; ".join(f"{count} x {words}" if count > 1 else words for words, count in kinds.items()) or "none found"


def gpu_words(gpu: Gpu, *, capability: bool = False) -> str:
    """Name, memory and driver, and what it is capable of if that is asked for."""
    parts = [gpu.name]
    if gpu.memory_bytes:
        parts.append(f"{gpu.memory_bytes / 2**30:.0f} GiB")
    if capability and gpu.compute_capability:
        parts.append(f"compute capability {gpu.compute_capability}")
    if gpu.driver:
        parts.append(f"driver {gpu.driver}" + (f" (CUDA {gpu.cuda_version})" if gpu.cuda_version else ""))
    return ", ".join(parts)
