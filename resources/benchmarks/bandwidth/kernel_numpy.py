"""STREAM's triad with NumPy: a = b + 3 c, chunk by chunk, on one thread.

setup(params) -> state     b and c from a fixed seed, made in the dtype; a is rewritten by each run
run(state) -> None         returns when a is complete
result(state)              (b, c, a), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, b_rows, c_rows)  changes the sign of those rows, in place
facts(state) -> dict       the result's own

NumPy has no operation that does both, so a = 3 c and a += b over whole arrays would move five of them. In chunks 3 c is
still in the cache when b is added, and three move. NumPy's own loops use one core: this is what its users get, not what
the machine has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

# float16 is converted element by element in NumPy: its rate would say nothing of the memory.
DTYPES: dict[str, Any] = {"float64": np.float64, "float32": np.float32}
COLUMNS = 1024
SCALE = 3
# b + 3 c has two bits more than these whole numbers, which the dtype still holds: exact with or without FMA.
BITS = {"float64": 50, "float32": 21}
# Of one array: long enough to hide the two calls, short enough for 3 c to stay in a core's cache.
CHUNK_BYTES = 2**18

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, and the chunks of (a, b, c) as views."""

    b: Any
    c: Any
    a: Any
    chunks: list[tuple[Any, Any, Any]]


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("NumPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("NumPy has no fast loops for {}; use float64 or float32".format(params["dtype"]))
    generator = np.random.default_rng(params["seed"])
    b, c = (_whole(generator, params["n"], params["dtype"]) for _ in range(2))
    a = np.zeros_like(b)
    step = CHUNK_BYTES // b.itemsize
    chunks = [tuple(array[start : start + step] for array in (a, b, c)) for start in range(0, len(a), step)]
    return State(b, c, a, chunks)


def run(state: State) -> None:
    """Compute a."""
    for a, b, c in state.chunks:
        np.multiply(c, SCALE, out=a)
        np.add(a, b, out=a)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return b, c and a as readers of float64 rows."""
    return _rows(state.b), _rows(state.c), _rows(state.a)


def flip(state: State, b_rows: list[int], c_rows: list[int]) -> None:
    """Change the sign of these rows of b and of c."""
    for array, rows in ((state.b, b_rows), (state.c, c_rows)):
        matrix = array.reshape(-1, COLUMNS)
        for row in rows:
            np.negative(matrix[row], out=matrix[row])


def facts(state: State) -> dict[str, Any]:
    """Say which NumPy computes."""
    return {
        "framework": "numpy",
        "framework_version": np.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.a.dtype),
        "result_device": "cpu:0",
        "threads": 1,
    }


def _whole(generator: Any, n: int, dtype: str) -> Any:
    """Make random whole numbers from -2**bits on, times 2**-bits: between -1 and 1."""
    values, half = generator.random(n, dtype=DTYPES[dtype]), 2.0 ** BITS[dtype]
    values *= 2.0 * half
    np.floor(values, out=values)
    values -= half
    values /= half
    return values


def _rows(array: Any) -> Rows:
    matrix = array.reshape(-1, COLUMNS)
    return lambda start, stop: matrix[start:stop].astype(np.float64, copy=False)
