"""Matrix product with NumPy: C = A B by the BLAS that numpy is linked with.

setup(params) -> state     operands from a fixed seed, made in the dtype; C is rewritten by each run
run(state) -> None         returns when C is complete
result(state)              (a, b, c), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in place
facts(state) -> dict       the product's own; the BLAS and its threads are found by the worker, in the loaded libraries
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# float16 has no BLAS in NumPy: its loops would measure nothing that anybody should compare.
DTYPES: dict[str, Any] = {"float64": np.float64, "float32": np.float32}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and products, a batch of them below each other, and the same memory as they are multiplied."""

    a: Any
    b: Any
    c: Any
    products: tuple[Any, Any, Any]


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("NumPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("NumPy has no BLAS for {}; use float64 or float32".format(params["dtype"]))
    dtype = DTYPES[params["dtype"]]
    m, n, k, batch = (params[name] for name in ("m", "n", "k", "batch"))
    generator = np.random.default_rng(params["seed"])
    a = generator.standard_normal((batch * m, k), dtype=dtype)
    b = generator.standard_normal((batch * k, n), dtype=dtype)
    c = np.zeros((batch * m, n), dtype=dtype)
    if batch == 1:
        return State(a, b, c, (a, b, c))
    return State(a, b, c, (a.reshape(batch, m, k), b.reshape(batch, k, n), c.reshape(batch, m, n)))


def run(state: State) -> None:
    """Multiply into C."""
    a, b, c = state.products
    np.matmul(a, b, out=c)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        for row in rows:
            np.negative(matrix[row], out=matrix[row])


def facts(state: State) -> dict[str, Any]:
    """Say which NumPy multiplies."""
    return {
        "framework": "numpy",
        "framework_version": np.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.c.dtype),
        "result_device": "cpu:0",
    }


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: matrix[start:stop].astype(np.float64, copy=False)
