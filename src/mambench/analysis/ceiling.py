"""A rate that no honest row exceeds: generous, so that no processor is accused, and still far below a lie. Pure."""

from __future__ import annotations

from mambench.model import Cpu

FASTEST_MHZ = 6200.0
"""Faster than any processor on sale in 2026. A told clock counts only above it: many systems tell the base clock."""

MARGIN = 1.1

PER_CYCLE = {"avx512f": 32, "sve": 32, "sve2": 32, "avx": 16, "avx2": 16, "neon": 16}
"""float64 operations of one core in a cycle: two units of fused multiply-add, of the widest vectors there are."""

LEAST_PER_CYCLE = 8
TIMES = {"float64": 1, "float32": 2, "tf32": 2, "float16": 4, "bfloat16": 4, "float8": 8}
"""Values in a vector, against float64."""

MATRIX_UNITS = {"amx_tile": ("float16", "bfloat16", "float8"), "sme": tuple(TIMES)}
MATRIX_PER_CYCLE = 2048


def core_gflops(cpu: Cpu, dtype: str, platform: str) -> float | None:
    """What one logical core cannot exceed, in GFLOPS; None where a unit is not documented (Apple's)."""
    if platform.startswith("osx-"):
        return None
    operations = max([LEAST_PER_CYCLE, *(PER_CYCLE.get(name, 0) for name in cpu.simd)]) * TIMES.get(dtype, 4)
    if any(dtype in MATRIX_UNITS.get(name, ()) for name in cpu.simd):
        operations = max(operations, MATRIX_PER_CYCLE)
    return operations * max(FASTEST_MHZ, cpu.max_mhz or 0.0) / 1000 * MARGIN


def cpu_gflops(cpu: Cpu, dtype: str, platform: str) -> float | None:
    """What all logical cores together cannot exceed."""
    each = core_gflops(cpu, dtype, platform)
    return None if each is None else each * cpu.logical_cores
