"""An honest product; the other kernels here change one thing about it."""

from types import SimpleNamespace

import numpy as np


def setup(params):
    if params["dtype"] not in ("float64", "float32"):
        raise NotImplementedError("the toy has float64 and float32")
    rng = np.random.default_rng(params["seed"])
    a, b = (rng.standard_normal((params["m"], params["m"])).astype(params["dtype"]) for _ in "ab")
    return SimpleNamespace(a=a, b=b, c=np.zeros_like(a), size=params["m"], runs=0)


def run(state):
    state.runs += 1
    np.matmul(state.a, state.b, out=state.c)


def result(state):
    return tuple((lambda start, stop, x=x: x[start:stop].astype(np.float64)) for x in (state.a, state.b, state.c))


def flip(state, a_rows, b_rows):
    state.a[a_rows] *= -1
    state.b[b_rows] *= -1


def facts(state):
    return {"framework": "toy", "result_dtype": str(state.c.dtype), "result_device": "cpu:0"}
