"""Matrix product with CuPy: C = A B by cuBLAS on a CUDA device.

setup(params) -> state     operands from a fixed seed on the device; C is kept and rewritten by each run
run(state) -> float        the seconds between two events on the device
result(state)              (a, b, c), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in place
facts(state) -> dict       device, cuBLAS, precision

float32 means IEEE, whatever CUPY_TF32 says outside; tf32 is float32 operands with it on. float16 sums in
float32, which is cuBLAS's default here. Not yet run on a CUDA device.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cupy

DTYPES = {"float64": "float64", "float32": "float32", "tf32": "float32", "float16": "float16"}
AMPERE = 80
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and products (and as a batch), the events and the index of the device."""

    a: Any
    b: Any
    c: Any
    products: tuple[Any, Any, Any]
    begin: Any
    end: Any
    index: int


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, index = params["dtype"], _index(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"CuPy has no {dtype}; use float16 or float32")
    cupy.cuda.Device(index).use()
    if dtype == "tf32" and int(cupy.cuda.Device(index).compute_capability) < AMPERE:
        raise NotImplementedError("tf32 needs a CUDA device of compute capability 8.0 or later")
    # Read by CuPy at its first product of float32 and kept, so it cannot change within a process.
    os.environ["CUPY_TF32"] = "1" if dtype == "tf32" else "0"
    generator = cupy.random.default_rng(params["seed"])
    m, n, k, batch = (params[name] for name in ("m", "n", "k", "batch"))
    a = _normal(generator, (batch * m, k), dtype)
    b = _normal(generator, (batch * k, n), dtype)
    c = cupy.zeros((batch * m, n), dtype=DTYPES[dtype])
    products = (a, b, c) if batch == 1 else (a.reshape(batch, m, k), b.reshape(batch, k, n), c.reshape(batch, m, n))
    return State(a, b, c, products, cupy.cuda.Event(), cupy.cuda.Event(), index)


def run(state: State) -> float:
    """Multiply into C, wait for it, and return its seconds on the device."""
    a, b, c = state.products
    state.begin.record()
    cupy.matmul(a, b, out=c)
    state.end.record()
    state.end.synchronize()
    return float(cupy.cuda.get_elapsed_time(state.begin, state.end)) * MILLISECONDS


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        signs = cupy.ones((len(matrix), 1), dtype=matrix.dtype)
        signs[cupy.asarray(rows)] = -1
        cupy.multiply(matrix, signs, out=matrix)


def facts(state: State) -> dict[str, Any]:
    """Say which CuPy multiplied, where and how."""
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
        "blas": "cublas",
        "blas_version": str(cupy.cuda.cublas.getVersion(cupy.cuda.device.get_cublas_handle())),
        "result_dtype": str(state.c.dtype),
        "result_device": f"cuda:{state.c.device.id}",
        "float32_precision": "tf32" if os.environ.get("CUPY_TF32") == "1" else "ieee",
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


def _normal(generator: Any, shape: tuple[int, int], dtype: str) -> Any:
    made = "float64" if dtype == "float64" else "float32"
    return generator.standard_normal(shape, dtype=made).astype(DTYPES[dtype], copy=False)


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: cupy.asnumpy(matrix[start:stop]).astype("float64")
