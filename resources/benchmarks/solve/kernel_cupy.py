"""A x = b with CuPy: cupy.linalg.solve, which is cuSOLVER's getrf on a copy of A and getrs, on a CUDA device.

setup(params) -> state     A and b from a fixed seed on the device, uniform in +-0.5; x is replaced by each run
run(state) -> float        factorises and solves anew: the seconds between two events on the device
result(state)              (a, b, x), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in place
facts(state) -> dict       device, cuSOLVER, precision

float32 means IEEE, whatever CUPY_TF32 says outside. Not yet run on a CUDA device.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cupy

DTYPES = ("float64", "float32")
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and solution, the events and the index of the device."""

    a: Any
    b: Any
    x: Any
    begin: Any
    end: Any
    index: int


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, n, index = params["dtype"], params["n"], _index(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"CuPy solves in float64 or float32, not in {dtype}")
    cupy.cuda.Device(index).use()
    # Read by CuPy at its first product of float32 and kept, so it cannot change within a process.
    os.environ["CUPY_TF32"] = "0"
    generator = cupy.random.default_rng(params["seed"])
    a, b = generator.random((n, n), dtype=dtype), generator.random((n, 1), dtype=dtype)
    a -= 0.5
    b -= 0.5
    return State(a, b, cupy.zeros_like(b), cupy.cuda.Event(), cupy.cuda.Event(), index)


def run(state: State) -> float:
    """Factorise A, solve for x, wait for it, and return its seconds on the device."""
    state.begin.record()
    state.x = cupy.linalg.solve(state.a, state.b)
    state.end.record()
    state.end.synchronize()
    return float(cupy.cuda.get_elapsed_time(state.begin, state.end)) * MILLISECONDS


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, b and x as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.x)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of b."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        signs = cupy.ones((len(matrix), 1), dtype=matrix.dtype)
        signs[cupy.asarray(rows)] = -1
        cupy.multiply(matrix, signs, out=matrix)


def facts(state: State) -> dict[str, Any]:
    """Say which CuPy solved, where and how."""
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
        "blas": "cusolver",
        "result_dtype": str(state.x.dtype),
        "result_device": f"cuda:{state.x.device.id}",
        "float32_precision": "ieee",
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


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: cupy.asnumpy(matrix[start:stop]).astype("float64")
