"""STREAM's triad with CuPy: a = b + 3 c in one kernel of its own (ElementwiseKernel) on a CUDA device.

setup(params) -> state     b and c from a fixed seed on the device; a is kept and rewritten by each run
run(state) -> float        the seconds between two events on the device
result(state)              (b, c, a), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, b_rows, c_rows)  changes the sign of those rows, in place
facts(state) -> dict       device, CUDA, and the result's dtype and place

CuPy's expressions multiply and add one after the other, which moves five arrays. Not yet run on a CUDA device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cupy

DTYPES = ("float64", "float32", "float16")
COLUMNS = 1024
SCALE = 3
# b + 3 c has two bits more than these whole numbers, which the dtype still holds: exact with or without FMA.
BITS = {"float64": 50, "float32": 21, "float16": 9}
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]

# The factor is an argument of the arrays' own type, so that nothing is computed in a wider one.
_triad = cupy.ElementwiseKernel("T b, T c, T s", "T a", "a = b + s * c", "mambench_triad")


@dataclass
class State:
    """Operands and result, the factor, the events and the index of the device."""

    b: Any
    c: Any
    a: Any
    scale: Any
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
    b, c = (_whole(generator, params["n"], dtype) for _ in range(2))
    scale = cupy.dtype(dtype).type(SCALE)
    return State(b, c, cupy.zeros_like(b), scale, cupy.cuda.Event(), cupy.cuda.Event(), index)


def run(state: State) -> float:
    """Compute a, wait for it, and return its seconds on the device."""
    state.begin.record()
    _triad(state.b, state.c, state.scale, state.a)
    state.end.record()
    state.end.synchronize()
    return float(cupy.cuda.get_elapsed_time(state.begin, state.end)) * MILLISECONDS


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return b, c and a as readers of float64 rows."""
    return _rows(state.b), _rows(state.c), _rows(state.a)


def flip(state: State, b_rows: list[int], c_rows: list[int]) -> None:
    """Change the sign of these rows of b and of c."""
    for array, rows in ((state.b, b_rows), (state.c, c_rows)):
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
        "result_dtype": str(state.a.dtype),
        "result_device": f"cuda:{state.a.device.id}",
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


def _whole(generator: Any, n: int, dtype: str) -> Any:
    """Make random whole numbers from -2**bits on, times 2**-bits: between -1 and 1."""
    values = generator.random(n, dtype="float64" if dtype == "float64" else "float32")
    half = values.dtype.type(2.0 ** BITS[dtype])
    values *= 2 * half
    cupy.floor(values, out=values)
    values -= half
    values /= half
    return values.astype(dtype, copy=False)


def _rows(array: Any) -> Rows:
    matrix = array.reshape(-1, COLUMNS)
    return lambda start, stop: cupy.asnumpy(matrix[start:stop]).astype("float64")
