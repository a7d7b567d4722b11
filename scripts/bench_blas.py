"""Times a BLAS that kernel_blas calls directly against the same product by np.matmul, in pairs: what NumPy costs.

Both multiply the same operands in one process, in changing order. Run it by the python of a stack with two OpenBLAS:
NumPy's own and that of the settings; of one version they should differ by less than 1 %. Where other programs run,
OPENBLAS_NUM_THREADS=1 and --cpu compare the processor's time instead.

    <home>/envs/blas-openblas-.../bin/python scripts/bench_blas.py blas-openblas --size 1024 2048 3000
"""

from __future__ import annotations

import argparse
import functools
import statistics
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

RESOURCES = Path(__file__).resolve().parents[1] / "resources"
# The threads of one library wait at full speed for a while; until they sleep they would disturb the other's.
PAUSE_SECONDS = 0.2


def main() -> None:
    """Print for each dtype and size the rates and the ratio of the pairs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stack", help="whose [settings] are taken: blas-openblas, blas-mkl, ...")
    parser.add_argument("--size", type=int, nargs="+", default=[1024, 2048, 3000])
    parser.add_argument("--dtype", nargs="+", default=["float64", "float32"])
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--cpu", action="store_true", help="the processor's seconds, not the clock's")
    arguments = parser.parse_args()
    kernel = loaded(RESOURCES / "benchmarks" / "matmul" / "kernel_blas.py")
    settings = tomllib.loads((RESOURCES / "environments" / f"{arguments.stack}.toml").read_text())["settings"]
    clock = time.process_time if arguments.cpu else time.perf_counter
    for dtype in arguments.dtype:
        for n in arguments.size:
            params = {"m": n, "n": n, "k": n, "batch": 1, "dtype": dtype, "device": "cpu:0", "seed": 1}
            state = kernel.setup({**params, "threads": None, "settings": settings})
            directly = functools.partial(kernel.run, state)
            by_numpy = functools.partial(np.matmul, state.a, state.b, out=np.zeros_like(state.c))
            ours, theirs = pairs(directly, by_numpy, arguments.pairs, clock)
            print(f"{dtype} n = {n}: {words(kernel.facts(state), n, ours, theirs)}", flush=True)


def words(facts: dict[str, Any], n: int, ours: list[float], theirs: list[float]) -> str:
    """The rates, and how many times faster than NumPy the library was in the pairs."""
    mine, numpy = (2e-9 * n**3 / statistics.median(taken) for taken in (ours, theirs))
    ratios = [other / own for own, other in zip(ours, theirs, strict=True)]
    low, middle, high = min(ratios), statistics.median(ratios), max(ratios)
    best = min(theirs) / min(ours)
    return (
        f"{facts['framework_version']} ({facts['threads']} threads) {mine:.2f} GFLOPS, np.matmul {numpy:.2f} GFLOPS; "
        f"ratio {middle:.3f} ({low:.3f} .. {high:.3f}, {len(ratios)} pairs), of the best runs {best:.3f}"
    )


def loaded(path: Path) -> ModuleType:
    """The kernel as a module, no byte code left behind."""
    module = ModuleType(path.stem)
    sys.modules[path.stem] = module
    exec(compile(path.read_text(encoding="utf-8"), str(path), "exec", dont_inherit=True), module.__dict__)
    return module


def pairs(
    ours: Callable[[], object], theirs: Callable[[], object], count: int, clock: Callable[[], float]
) -> tuple[list[float], list[float]]:
    """Seconds of each, run in turns after one uncounted run; the order changes from pair to pair."""
    taken: tuple[list[float], list[float]] = [], []
    both = [(ours, taken[0]), (theirs, taken[1])]
    for run, _ in both:
        run()
    for _ in range(count):
        for run, into in both:
            time.sleep(PAUSE_SECONDS)
            begin = clock()
            run()
            into.append(clock() - begin)
        both.reverse()
    return taken


if __name__ == "__main__":
    main()
