"""Sorting with NumPy. It imports its framework and the standard library only; Python 3.9 must understand it.

setup(params) -> state     makes the operands
run(state)                 is what is timed
result(state)              (x, s): for each operand, then for the result, rows(start, stop) -> those rows as float64
flip(state, x_rows)        for each operand the rows that change their signs now
facts(state) -> dict       what really ran

mambench calls setup once, then flip and run for every sample, and result where the check looks. Only run is timed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

COLUMNS = 1000

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """The numbers, and the same in order, as rows."""

    x: Any
    s: Any


def setup(params: dict[str, Any]) -> State:
    """Make the numbers from the seed; params has every parameter, and dtype, device, seed and threads."""
    if not params["device"].startswith("cpu:"):
        raise LookupError("NumPy computes on the CPU only, not on {}".format(params["device"]))
    if params["dtype"] != "float64":
        raise NotImplementedError("this kernel has float64 only, not {}".format(params["dtype"]))
    x = np.random.default_rng(params["seed"]).standard_normal((params["n"] // COLUMNS, COLUMNS))
    return State(x, np.zeros_like(x))


def run(state: State) -> None:
    """Sort all of x as it is now into s, and return when that is done; keep nothing for the next time."""
    np.copyto(state.s, state.x)
    state.s.reshape(-1).sort()


def result(state: State) -> tuple[Rows, Rows]:
    """Give x and s to the check: nothing is computed in it but slices and conversions."""
    return _rows(state.x), _rows(state.s)


def flip(state: State, x_rows: list[int]) -> None:
    """Change the sign of these rows of x."""
    for row in x_rows:
        np.negative(state.x[row], out=state.x[row])


def facts(state: State) -> dict[str, Any]:
    """Say what ran, read from the result itself: what contradicts the trial is refused."""
    return {
        "framework": "numpy",
        "framework_version": np.__version__,
        "device_kind": "cpu",
        "result_dtype": str(state.s.dtype),
        "result_device": "cpu:0",
        "threads": 1,
    }


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: matrix[start:stop]
