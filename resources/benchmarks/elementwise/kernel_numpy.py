"""A chain of elementwise operations with NumPy: y = exp(x + z) x + z, on one thread.

setup(params) -> state     x and z from a fixed seed, made in the dtype; y is rewritten by each run
run(state) -> None         returns when y is complete
result(state)              (x, z, y), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, x_rows, z_rows)  changes the sign of those rows, in place
facts(state) -> dict       the result's own

One pass over the arrays for each operation, into y: the chain as NumPy computes it, without the temporaries of the bare
expression, whose fresh memory would be measured with it. NumPy's own loops use one core.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# float16 is converted element by element in NumPy: its rate would say nothing of the chain.
DTYPES: dict[str, Any] = {"float64": np.float64, "float32": np.float32}
COLUMNS = 1024

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result."""

    x: Any
    z: Any
    y: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("NumPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("NumPy has no fast loops for {}; use float64 or float32".format(params["dtype"]))
    generator = np.random.default_rng(params["seed"])
    x, z = (_uniform(generator, params["n"], params["dtype"]) for _ in range(2))
    return State(x, z, np.zeros_like(x))


def run(state: State) -> None:
    """Compute y."""
    np.add(state.x, state.z, out=state.y)
    np.exp(state.y, out=state.y)
    np.multiply(state.y, state.x, out=state.y)
    np.add(state.y, state.z, out=state.y)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return x, z and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.z), _rows(state.y)


def flip(state: State, x_rows: list[int], z_rows: list[int]) -> None:
    """Change the sign of these rows of x and of z."""
    for array, rows in ((state.x, x_rows), (state.z, z_rows)):
        matrix = array.reshape(-1, COLUMNS)
        for row in rows:
            np.negative(matrix[row], out=matrix[row])


def facts(state: State) -> dict[str, Any]:
    """Say which NumPy computes."""
    return {
        "framework": "numpy",
        "framework_version": np.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.y.dtype),
        "result_device": "cpu:0",
        "threads": 1,
    }


def _uniform(generator: Any, n: int, dtype: str) -> Any:
    """Make values between -1 and 1."""
    values = generator.random(n, dtype=DTYPES[dtype])
    values *= 2
    values -= 1
    return values


def _rows(array: Any) -> Rows:
    matrix = array.reshape(-1, COLUMNS)
    return lambda start, stop: matrix[start:stop].astype(np.float64, copy=False)
