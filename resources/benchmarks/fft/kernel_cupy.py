"""Fourier transform with CuPy: y = F x by cuFFT on a CUDA device.

setup(params) -> state   x from a fixed seed on the device; the plan is made; y is kept and rewritten by each run
run(state) -> float      the seconds between two events on the device
result(state)            (x, y), each rows(start, stop) -> those rows of 1024 points as float64, (re, im) side by side
flip(state, rows)        changes the sign of those rows of x, in place
facts(state) -> dict     device, cuFFT, type

cupy.fft looks up its plan and makes a new array each time; here both are kept: get_fft_plan's plan writes into y. Not
yet run on a CUDA device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cupy
from cupy.cuda import cufft
from cupyx.scipy.fft import get_fft_plan

DTYPES = {"float64": "complex128", "float32": "complex64"}
ROW = 1024
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Points and bins, n of them or m rows of n, the plan, the events and the index of the device."""

    x: Any
    y: Any
    plan: Any
    begin: Any
    end: Any
    index: int


def setup(params: dict[str, Any]) -> State:
    """Make points and plan; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, index = params["dtype"], _index(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"CuPy has no transform of {dtype} here; use float64 or float32")
    cupy.cuda.Device(index).use()
    m, n = params["m"], params["n"]
    values = cupy.random.default_rng(params["seed"]).standard_normal(2 * m * n, dtype=dtype)
    x = values.view(DTYPES[dtype]).reshape((n,) if m == 1 else (m, n))
    return State(x, cupy.zeros_like(x), get_fft_plan(x), cupy.cuda.Event(), cupy.cuda.Event(), index)


def run(state: State) -> float:
    """Transform into y, wait for it, and return its seconds on the device."""
    state.begin.record()
    state.plan.fft(state.x, state.y, cufft.CUFFT_FORWARD)
    state.end.record()
    state.end.synchronize()
    return float(cupy.cuda.get_elapsed_time(state.begin, state.end)) * MILLISECONDS


def result(state: State) -> tuple[Rows, Rows]:
    """Return x and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.y)


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of x."""
    x = state.x.reshape(-1, ROW)
    signs = cupy.ones((len(x), 1), dtype=x.real.dtype)
    signs[cupy.asarray(rows)] = -1
    cupy.multiply(x, signs, out=x)


def facts(state: State) -> dict[str, Any]:
    """Say which CuPy transforms, where and how."""
    properties = cupy.cuda.runtime.getDeviceProperties(state.index)
    name = properties["name"]
    runtime = cupy.cuda.runtime.runtimeGetVersion()
    return {
        "framework": "cupy",
        "framework_version": cupy.__version__,
        "device_kind": "cuda",
        "device_name": name.decode() if isinstance(name, bytes) else name,
        "compute_capability": f"{properties['major']}.{properties['minor']}",
        "cuda": f"{runtime // 1000}.{runtime % 1000 // 10}",
        "library": "cufft",
        "library_version": str(cufft.getVersion()),
        "plan": "kept",
        "result_dtype": str(state.y.dtype),
        "result_device": f"cuda:{state.y.device.id}",
    }


def _index(device: str) -> int:
    kind, index = device.split(":")
    if kind != "cuda":
        raise LookupError(f"CuPy computes on CUDA devices only, not on {device}")
    try:
        count = int(cupy.cuda.runtime.getDeviceCount())
    except cupy.cuda.runtime.CUDARuntimeError as error:
        raise LookupError(f"CuPy sees no usable CUDA device: {error}") from error
    if int(index) >= count:
        raise LookupError(f"there is no {device}: CuPy sees {count} CUDA devices")
    return int(index)


def _rows(array: Any) -> Rows:
    pairs = array.reshape(-1, ROW).view(array.real.dtype)
    return lambda start, stop: cupy.asnumpy(pairs[start:stop]).astype("float64", copy=False)
