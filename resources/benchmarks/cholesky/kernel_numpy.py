"""A = L L^T with NumPy: numpy.linalg.cholesky, which is LAPACK's potrf on a copy of A and zeros above the diagonal.

setup(params) -> state     symmetric A from a fixed seed, uniform in +-0.5, sqrt(n) + 1.5 more on its diagonal; L is
                           replaced by each run
run(state) -> None         factorises anew
result(state)              (a, factor), each rows(start, stop) -> those rows as float64
flip(state, a_rows)        changes the sign of those rows and columns, in place
facts(state) -> dict       the factor's own; the BLAS and its threads are found by the worker, in the loaded libraries

float64 only: NumPy converts float32 matrices to float64 and factorises those.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operand and factor."""

    a: Any
    factor: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operand; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("NumPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] != "float64":
        raise NotImplementedError(
            "NumPy factorises in float64 only, whatever it is given; SciPy has {}".format(params["dtype"])
        )
    generator, n = np.random.default_rng(params["seed"]), params["n"]
    a = generator.random((n, n))
    a -= 0.5
    for row in range(1, n):
        a[:row, row] = a[row, :row]
    np.fill_diagonal(a, a.diagonal() + (math.sqrt(n) + 1.5))
    return State(a, np.zeros_like(a))


def run(state: State) -> None:
    """Factorise A."""
    state.factor = np.linalg.cholesky(state.a)


def result(state: State) -> tuple[Rows, Rows]:
    """Return A and L as readers of float64 rows."""
    return _rows(state.a), _rows(state.factor)


def flip(state: State, a_rows: list[int]) -> None:
    """Change the sign of these rows of A and of the same columns."""
    signs = np.ones_like(state.a[0])
    signs[a_rows] = -1
    state.a *= signs[:, None]
    state.a *= signs


def facts(state: State) -> dict[str, Any]:
    """Say which NumPy factorises."""
    return {
        "framework": "numpy",
        "framework_version": np.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.factor.dtype),
        "result_device": "cpu:0",
    }


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: matrix[start:stop]
