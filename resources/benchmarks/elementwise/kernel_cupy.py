"""A chain of elementwise operations with CuPy: y = exp(x + z) x + z on a CUDA device.

setup(params) -> state     x and z from a fixed seed on the device; y is kept and rewritten by each run
run(state) -> float        the seconds between two events on the device
result(state)              (x, z, y), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, x_rows, z_rows)  changes the sign of those rows, in place
facts(state) -> dict       device, CUDA, and the result's dtype and place

Operation by operation, as CuPy computes: one pass over the arrays for each, into y. cupy.fuse or an ElementwiseKernel
would fuse them. Not yet run on a CUDA device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cupy

DTYPES = ("float64", "float32", "float16")
COLUMNS = 1024
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, the events and the index of the device."""

    x: Any
    z: Any
    y: Any
    begin: Any
    end: Any
    index: int


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, index = params["dtype"], _index(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"CuPy has no {dtype}; use float16 or float32")
    cupy.cuda.Device(index).use()
    generator = cupy.random.default_rng(params["seed"])
    x, z = (_uniform(generator, params["n"], dtype) for _ in range(2))
    return State(x, z, cupy.zeros_like(x), cupy.cuda.Event(), cupy.cuda.Event(), index)


def run(state: State) -> float:
    """Compute y, wait for it, and return its seconds on the device."""
    state.begin.record()
    cupy.add(state.x, state.z, out=state.y)
    cupy.exp(state.y, out=state.y)
    cupy.multiply(state.y, state.x, out=state.y)
    cupy.add(state.y, state.z, out=state.y)
    state.end.record()
    state.end.synchronize()
    return float(cupy.cuda.get_elapsed_time(state.begin, state.end)) * MILLISECONDS


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return x, z and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.z), _rows(state.y)


def flip(state: State, x_rows: list[int], z_rows: list[int]) -> None:
    """Change the sign of these rows of x and of z."""
    for array, rows in ((state.x, x_rows), (state.z, z_rows)):
        matrix = array.reshape(-1, COLUMNS)
        signs = cupy.ones((len(matrix), 1), dtype=matrix.dtype)
        signs[cupy.asarray(rows, dtype="int64")] = -1
        cupy.multiply(matrix, signs, out=matrix)


def facts(state: State) -> dict[str, Any]:
    """Say which CuPy computes, and where."""
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


def _uniform(generator: Any, n: int, dtype: str) -> Any:
    """Make values between -1 and 1."""
    values = generator.random(n, dtype="float64" if dtype == "float64" else "float32")
    values *= 2
    values -= 1
    return values.astype(dtype, copy=False)


def _rows(array: Any) -> Rows:
    matrix = array.reshape(-1, COLUMNS)
    return lambda start, stop: cupy.asnumpy(matrix[start:stop]).astype("float64")
