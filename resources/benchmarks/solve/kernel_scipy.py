"""A x = b with SciPy: lu_factor and lu_solve, which are LAPACK's getrf on a copy of A and getrs.

setup(params) -> state     A and b from a fixed seed, uniform in +-0.5, stored by rows; x is replaced by each run
run(state) -> None         factorises and solves anew
result(state)              (a, b, x), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in place
facts(state) -> dict       the solution's own; the BLAS and its threads are found by the worker, in the loaded libraries

Copying A by columns, as LAPACK wants it, and looking for NaN are SciPy's defaults and part of the run.
"""

from __future__ import annotations

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
    """Operands and solution."""

    a: Any
    b: Any
    x: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("SciPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("LAPACK has no {}; use float64 or float32".format(params["dtype"]))
    generator, n, dtype = np.random.default_rng(params["seed"]), params["n"], DTYPES[params["dtype"]]
    a, b = generator.random((n, n), dtype=dtype), generator.random((n, 1), dtype=dtype)
    a -= dtype(0.5)
    b -= dtype(0.5)
    return State(a, b, np.zeros_like(b))


def run(state: State) -> None:
    """Factorise A and solve for x."""
    state.x = scipy.linalg.lu_solve(scipy.linalg.lu_factor(state.a), state.b)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, b and x as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.x)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of b."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        for row in rows:
            np.negative(matrix[row], out=matrix[row])


def facts(state: State) -> dict[str, Any]:
    """Say which SciPy solves."""
    return {
        "framework": "scipy",
        "framework_version": scipy.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.x.dtype),
        "result_device": "cpu:0",
    }


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: matrix[start:stop].astype(np.float64, copy=False)
