"""A x = b with NumPy: numpy.linalg.solve, which is LAPACK's gesv on a copy of A.

setup(params) -> state     A and b from a fixed seed, uniform in +-0.5; x is replaced by each run
run(state) -> None         factorises and solves anew
result(state)              (a, b, x), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in place
facts(state) -> dict       the solution's own; the BLAS and its threads are found by the worker, in the loaded libraries

float64 only: NumPy converts float32 systems to float64 and solves those.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and solution."""

    a: Any
    b: Any
    x: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("NumPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] != "float64":
        raise NotImplementedError(
            "NumPy solves in float64 only, whatever it is given; SciPy has {}".format(params["dtype"])
        )
    generator, n = np.random.default_rng(params["seed"]), params["n"]
    a, b = generator.random((n, n)), generator.random((n, 1))
    a -= 0.5
    b -= 0.5
    return State(a, b, np.zeros_like(b))


def run(state: State) -> None:
    """Factorise A and solve for x."""
    state.x = np.linalg.solve(state.a, state.b)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, b and x as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.x)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of b."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        for row in rows:
            np.negative(matrix[row], out=matrix[row])


def facts(state: State) -> dict[str, Any]:
    """Say which NumPy solves."""
    return {
        "framework": "numpy",
        "framework_version": np.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.x.dtype),
        "result_device": "cpu:0",
    }


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: matrix[start:stop]
