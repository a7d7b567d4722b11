"""An honest product; the other kernels here change one thing about it."""

from types import SimpleNamespace

import numpy as np


def setup(params):
    rng = np.random.default_rng(params["seed"])
    dtype = {"float64": np.float64, "float32": np.float32}[params["dtype"]]
    a = rng.standard_normal((params["m"], params["k"]), dtype=dtype)
    b = rng.standard_normal((params["k"], params["n"]), dtype=dtype)
    return SimpleNamespace(a=a, b=b, c=np.zeros((params["m"], params["n"]), dtype=dtype), params=params, runs=0)


def run(state):
    state.runs += 1
    np.matmul(state.a, state.b, out=state.c)


def result(state):
    return tuple((lambda start, stop, x=x: x[start:stop].astype(np.float64)) for x in (state.a, state.b, state.c))


def flip(state, a_rows, b_rows):
    state.a[a_rows] *= -1
    state.b[b_rows] *= -1


def facts(_state):
    return {"framework": "toy", "broken": float("nan"), "odd": np.float32(2), "list": (1, None)}
