"""A matrix product in plain python, so that the worker can be tried in a python that has no framework."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any


def setup(params: dict[str, Any]) -> SimpleNamespace:
    """Make small operands from the seed."""
    draw = random.Random(params["seed"])
    a = [[draw.gauss(0.0, 1.0) for _ in range(params["k"])] for _ in range(params["m"])]
    b = [[draw.gauss(0.0, 1.0) for _ in range(params["n"])] for _ in range(params["k"])]
    return SimpleNamespace(a=a, b=b, c=[[0.0] * params["n"] for _ in range(params["m"])])


def run(state: SimpleNamespace) -> None:
    """Multiply into C."""
    columns = list(zip(*state.b))
    for row, target in zip(state.a, state.c):
        target[:] = [sum(x * y for x, y in zip(row, column)) for column in columns]


def result(state: SimpleNamespace) -> Any:
    """Return A, B and C as readers of rows."""
    return tuple(lambda start, stop, rows=rows: rows[start:stop] for rows in (state.a, state.b, state.c))


def flip(state: SimpleNamespace, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        for row in rows:
            matrix[row] = [-x for x in matrix[row]]


def facts(_state: SimpleNamespace) -> dict[str, Any]:
    """Say what python's own floats are."""
    return {"blas": "none", "threads": 1, "result_dtype": "float64", "result_device": "cpu:0"}
