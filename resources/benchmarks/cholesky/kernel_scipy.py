"""A = L L^T with SciPy: scipy.linalg.cholesky, which is LAPACK's potrf on a copy of A and zeros above the diagonal.

setup(params) -> state     symmetric A from a fixed seed, uniform in +-0.5, sqrt(n) + 1.5 more on its diagonal; L is
                           replaced by each run
run(state) -> None         factorises anew
result(state)              (a, factor), each rows(start, stop) -> those rows as float64
flip(state, a_rows)        changes the sign of those rows and columns, in place
facts(state) -> dict       the factor's own; the BLAS and its threads are found by the worker, in the loaded libraries

Copying A by columns, as LAPACK wants it, and looking for NaN are SciPy's defaults and part of the run, and so are the
zeros: lower=True gives L itself.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy
import scipy.linalg

DTYPES: dict[str, Any] = {"float64": np.float64, "float32": np.float32}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operand and factor."""

    a: Any
    factor: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operand; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("SciPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("LAPACK has no {}; use float64 or float32".format(params["dtype"]))
    generator, n, dtype = np.random.default_rng(params["seed"]), params["n"], DTYPES[params["dtype"]]
    a = generator.random((n, n), dtype=dtype)
    a -= dtype(0.5)
    for row in range(1, n):
        a[:row, row] = a[row, :row]
    np.fill_diagonal(a, a.diagonal() + dtype(math.sqrt(n) + 1.5))
    return State(a, np.zeros_like(a))


def run(state: State) -> None:
    """Factorise A."""
    state.factor = scipy.linalg.cholesky(state.a, lower=True)


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
    """Say which SciPy factorises."""
    return {
        "framework": "scipy",
        "framework_version": scipy.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.factor.dtype),
        "result_device": "cpu:0",
    }


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: matrix[start:stop].astype(np.float64, copy=False)
