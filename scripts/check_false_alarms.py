"""Counts how often the check refuses honest products: small ones of random shapes, in every dtype.

Needs numpy. float16, bfloat16 and tf32 are emulated: operands rounded to the format, products and sums in
float32, the sum rounded to the format C is stored in. Exits with 1 on any alarm.
"""

from __future__ import annotations

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "resources" / "worker"))
import check_matmul
from matrices import Matrix

DTYPES = ("float64", "float32", "tf32", "float16", "bfloat16")
LONGEST_SIDE = 300
# Bits of float32's mantissa that a narrower format drops.
DROPPED_BITS = {"tf32": 13, "bfloat16": 16}


def main() -> int:
    """Check as many products as asked for, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--products", type=int, default=10_000, help="how many, over all dtypes (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    alarms = 0
    print(f"{'dtype':10} {'products':>8} {'alarms':>7} {'rho/tolerance':>14} {'entries':>8}")
    for dtype in DTYPES:
        count = -(-arguments.products // len(DTYPES))
        refused, rho, entries = survey(rng, dtype, count)
        alarms += refused
        print(f"{dtype:10} {count:8} {refused:7} {rho:14.3f} {entries:8.3f}")
    return 1 if alarms else 0


def survey(rng: Any, dtype: str, count: int) -> tuple[int, float, float]:
    """Return the number of refused products and the largest error over tolerance of either check."""
    refused, largest = 0, {"freivalds": 0.0, "exact_entries": 0.0}
    for index in range(count):
        m, n, k = (side(rng) for _ in range(3))
        a, b, c = honest(rng, dtype, m, n, k)
        alarm = False
        for name, error, tolerance in verified(a, b, c, dtype, seed=index):
            share = error / tolerance if math.isfinite(error) else math.inf
            largest[name] = max(largest[name], share)
            if share > 1.0:
                alarm = True
                what = f"{name} {error:.3g}, at most {tolerance:.3g}"
                print(f"alarm: {dtype} m={m} n={n} k={k} seed={index}: {what}", file=sys.stderr)
        refused += alarm
    return refused, largest["freivalds"], largest["exact_entries"]


def side(rng: Any) -> int:
    """Draw a side from 1 to 300, each power of ten as likely as the next."""
    return int(math.exp(rng.uniform(0.0, math.log(LONGEST_SIDE + 1))))


def honest(rng: Any, dtype: str, m: int, n: int, k: int) -> tuple[Any, Any, Any]:
    """Return stored operands and the product that a sound library would store."""
    wide = np.float64 if dtype == "float64" else np.float32
    a, b = (stored(rng.standard_normal(shape, dtype=wide), dtype) for shape in ((m, k), (k, n)))
    if dtype == "tf32":
        return a, b, rounded(a, dtype) @ rounded(b, dtype)
    return a, b, stored(np.matmul(a.astype(wide), b.astype(wide)), dtype)


def stored(values: Any, dtype: str) -> Any:
    """Return float64 or float32 values as the format stores them; bfloat16 as the float32 that it widens to."""
    if dtype == "float16":
        return values.astype(np.float16)
    return rounded(values, dtype) if dtype == "bfloat16" else values


def rounded(values: Any, dtype: str) -> Any:
    """Round float32 values to nearest, ties to even, to a format with fewer bits of mantissa."""
    drop = DROPPED_BITS[dtype]
    bits = values.astype(np.float32).view(np.uint32)
    bits = bits + np.uint32((1 << (drop - 1)) - 1) + ((bits >> np.uint32(drop)) & np.uint32(1))
    return (bits & np.uint32(0xFFFFFFFF ^ ((1 << drop) - 1))).view(np.float32)


def verified(
    a: Any, b: Any, c: Any, dtype: str, *, seed: int, thorough: bool = True, batch: int = 1
) -> list[check_matmul.Outcome]:
    """Return what the check says of a product, or of a batch of them below each other."""
    operands, params = (matrix("A", a), matrix("B", b)), {"dtype": dtype, "batch": batch}
    return list(check_matmul.verify(operands, matrix("C", c), params, seed=seed, thorough=thorough))


def matrix(name: str, values: Any) -> Matrix:
    """Return an array as the matrix that checks take."""
    return Matrix(name, lambda start, stop: values[start:stop], values.shape)


if __name__ == "__main__":
    sys.exit(main())
