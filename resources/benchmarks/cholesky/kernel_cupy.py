"""A = L L^T with CuPy: cupy.linalg.cholesky, which is cuSOLVER's potrf on a copy of A and zeros above the diagonal.

setup(params) -> state     symmetric A from a fixed seed, uniform in +-0.5, sqrt(n) + 1.5 more on its diagonal; L is
                           replaced by each run
run(state) -> float        factorises anew: the seconds between two events on the device
result(state)              (a, factor), each rows(start, stop) -> those rows as float64
flip(state, a_rows)        changes the sign of those rows and columns, in place
facts(state) -> dict       device, cuSOLVER, precision

float32 means IEEE, whatever CUPY_TF32 says outside. Not yet run on a CUDA device.
"""

from __future__ import annotations

import math
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
    """Operand and factor, the events and the index of the device."""

    a: Any
    factor: Any
    begin: Any
    end: Any
    index: int


def setup(params: dict[str, Any]) -> State:
    """Make the operand; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, n, index = params["dtype"], params["n"], _index(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"CuPy factorises in float64 or float32, not in {dtype}")
    cupy.cuda.Device(index).use()
    # Read by CuPy at its first product of float32 and kept, so it cannot change within a process.
    os.environ["CUPY_TF32"] = "0"
    generator = cupy.random.default_rng(params["seed"])
    drawn = generator.random((n, n), dtype=dtype) - 0.5
    lower = cupy.tril(drawn, -1)
    a = lower + lower.T
    cupy.fill_diagonal(a, drawn.diagonal() + (math.sqrt(n) + 1.5))
    return State(a, lower, cupy.cuda.Event(), cupy.cuda.Event(), index)


def run(state: State) -> float:
    """Factorise A, wait for L, and return its seconds on the device."""
    state.begin.record()
    state.factor = cupy.linalg.cholesky(state.a)
    state.end.record()
    state.end.synchronize()
    return float(cupy.cuda.get_elapsed_time(state.begin, state.end)) * MILLISECONDS


def result(state: State) -> tuple[Rows, Rows]:
    """Return A and L as readers of float64 rows."""
    return _rows(state.a), _rows(state.factor)


def flip(state: State, a_rows: list[int]) -> None:
    """Change the sign of these rows of A and of the same columns."""
    signs = cupy.ones((len(state.a), 1), dtype=state.a.dtype)
    signs[cupy.asarray(a_rows)] = -1
    state.a *= signs
    state.a *= signs.T


def facts(state: State) -> dict[str, Any]:
    """Say which CuPy factorised, where and how."""
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
        "result_dtype": str(state.factor.dtype),
        "result_device": f"cuda:{state.factor.device.id}",
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
