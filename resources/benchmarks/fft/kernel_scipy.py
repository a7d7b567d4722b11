"""Fourier transform with SciPy: y = F x by scipy.fft.

setup(params) -> state   x from a fixed seed, made in the dtype
run(state) -> None       drops the old y and makes a new one; returns when it is complete
result(state)            (x, y), each rows(start, stop) -> those rows of 1024 points as float64, (re, im) side by side
flip(state, rows)        changes the sign of those rows of x, in place
facts(state) -> dict     library, type and threads

scipy.fft has no output array. Its workers share out transforms, so that a single one of n points runs on one thread.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import scipy.fft

DTYPES: dict[str, Any] = {"float64": np.complex128, "float32": np.complex64}
ROW = 1024

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Points and bins: n of them, or m rows of n; and the threads for many transforms."""

    x: Any
    y: Any
    workers: int


def setup(params: dict[str, Any]) -> State:
    """Make the points; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("SciPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("SciPy has no transform of {}; use float64 or float32".format(params["dtype"]))
    m, n = params["m"], params["n"]
    values = np.random.default_rng(params["seed"]).standard_normal(2 * m * n, dtype=params["dtype"])
    x = values.view(DTYPES[params["dtype"]]).reshape((n,) if m == 1 else (m, n))
    return State(x, np.zeros_like(x), 1 if m == 1 else params["threads"] or _schedulable_cpus())


def run(state: State) -> None:
    """Transform into a new y."""
    state.y = None
    state.y = scipy.fft.fftn(state.x, workers=state.workers)


def result(state: State) -> tuple[Rows, Rows]:
    """Return x and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.y)


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of x."""
    x = state.x.reshape(-1, ROW)
    for row in rows:
        np.negative(x[row], out=x[row])


def facts(state: State) -> dict[str, Any]:
    """Say which SciPy transforms."""
    return {
        "framework": "scipy",
        "framework_version": scipy.__version__,
        "device_kind": "cpu",
        "library": "pocketfft" if hasattr(scipy.fft, "_pocketfft") else "scipy.fft",
        "library_version": scipy.__version__,
        "threads": state.workers,
        "result_dtype": str(state.y.dtype),
        "result_device": "cpu:0",
    }


def _schedulable_cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _rows(array: Any) -> Rows:
    pairs = array.reshape(-1, ROW).view(array.real.dtype)
    return lambda start, stop: pairs[start:stop].astype(np.float64, copy=False)
