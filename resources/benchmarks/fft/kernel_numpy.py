"""Fourier transform with NumPy: y = F x by the pocketfft inside NumPy, on one thread.

setup(params) -> state   x from a fixed seed, made in the dtype; y is rewritten by each run
run(state) -> None       returns when y is complete
result(state)            (x, y), each rows(start, stop) -> those rows of 1024 points as float64, (re, im) side by side
flip(state, rows)        changes the sign of those rows of x, in place
facts(state) -> dict     library, type and threads

numpy.fft never uses more than one thread, whatever is asked for. NumPy 1 has no complex64, and NumPy 2.4 still computes
it as complex128 and rounds, three times slower than its own loop for complex64 (measured): `computed_as` tells.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

DTYPES: dict[str, Any] = {"float64": np.complex128, "float32": np.complex64}
ROW = 1024

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Points and bins: n of them, or m rows of n."""

    x: Any
    y: Any


def setup(params: dict[str, Any]) -> State:
    """Make the points; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("NumPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("NumPy has no transform of {}; use float64 or float32".format(params["dtype"]))
    if np.__version__.startswith("1."):
        raise NotImplementedError("numpy.fft of NumPy 1 has neither complex64 nor an output array; use NumPy 2")
    m, n = params["m"], params["n"]
    values = np.random.default_rng(params["seed"]).standard_normal(2 * m * n, dtype=params["dtype"])
    x = values.view(DTYPES[params["dtype"]]).reshape((n,) if m == 1 else (m, n))
    return State(x, np.zeros_like(x))


def run(state: State) -> None:
    """Transform into y."""
    np.fft.fftn(state.x, out=state.y)


def result(state: State) -> tuple[Rows, Rows]:
    """Return x and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.y)


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of x."""
    x = state.x.reshape(-1, ROW)
    for row in rows:
        np.negative(x[row], out=x[row])


def facts(state: State) -> dict[str, Any]:
    """Say which NumPy transforms."""
    return {
        "framework": "numpy",
        "framework_version": np.__version__,
        "device_kind": "cpu",
        "library": "pocketfft",
        "library_version": np.__version__,
        "threads": 1,
        "computed_as": _computed_as(state.x.dtype),
        "result_dtype": str(state.y.dtype),
        "result_device": "cpu:0",
    }


def _computed_as(dtype: Any) -> str:
    """Return the type of NumPy's arithmetic: the wider one if rounding its result gives the very same bits."""
    x = np.random.default_rng(0).standard_normal(2 * ROW, dtype=np.float32).view(np.complex64)
    wide = np.array_equal(np.fft.fft(x), np.fft.fft(x.astype(np.complex128)).astype(np.complex64))
    return "complex128" if wide else str(dtype)


def _rows(array: Any) -> Rows:
    pairs = array.reshape(-1, ROW).view(array.real.dtype)
    return lambda start, stop: pairs[start:stop].astype(np.float64, copy=False)
