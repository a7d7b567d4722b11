"""No honest row is accused; a lie of some times the truth is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mambench.analysis import ceiling
from mambench.model import Cpu

CPU = Cpu("A processor", 4, 8, 8, ("avx", "avx2", "fma"))


@pytest.mark.parametrize(
    ("simd", "dtype", "operations"),
    [
        ((), "float64", 8),
        (("avx", "avx2"), "float64", 16),
        (("avx", "avx512f"), "float64", 32),
        (("avx", "avx512f"), "float32", 64),
        (("avx", "avx512f"), "bfloat16", 128),
        (("avx", "avx512f", "amx_tile"), "bfloat16", 2048),
        (("avx", "avx512f", "amx_tile"), "float64", 32),
        (("neon",), "float64", 16),
        (("neon", "sve"), "float32", 64),
    ],
)
def test_the_bound_is_cores_clock_and_width(simd: tuple[str, ...], dtype: str, operations: int) -> None:
    cpu = replace(CPU, simd=simd)
    assert ceiling.core_gflops(cpu, dtype, "linux-64") == pytest.approx(operations * 6.2 * 1.1)
    assert ceiling.cpu_gflops(cpu, dtype, "linux-64") == pytest.approx(8 * operations * 6.2 * 1.1)


def test_a_told_clock_counts_only_above_the_fastest() -> None:
    slow, fast = replace(CPU, max_mhz=2250.0), replace(CPU, max_mhz=7000.0)
    assert ceiling.core_gflops(slow, "float64", "linux-64") == ceiling.core_gflops(CPU, "float64", "linux-64")
    assert ceiling.core_gflops(fast, "float64", "linux-64") == pytest.approx(16 * 7.0 * 1.1)


def test_apples_units_are_not_documented() -> None:
    assert ceiling.cpu_gflops(CPU, "float32", "osx-arm64") is None
