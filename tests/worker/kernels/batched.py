"""An honest batch of products below each other, but for the one whose number params may name."""

from types import SimpleNamespace

import numpy as np


def setup(params):
    m, n, k, batch = (params[name] for name in ("m", "n", "k", "batch"))
    rng = np.random.default_rng(params["seed"])
    a, b = rng.standard_normal((batch * m, k)), rng.standard_normal((batch * k, n))
    return SimpleNamespace(a=a, b=b, c=np.zeros((batch * m, n)), params=params)


def run(state):
    m, n, k, batch = (state.params[name] for name in ("m", "n", "k", "batch"))
    products = state.a.reshape(batch, m, k), state.b.reshape(batch, k, n), state.c.reshape(batch, m, n)
    for index, (a, b, c) in enumerate(zip(*products, strict=True)):
        c[:] = a[::-1] @ b if index == state.params.get("wrong_product") else a @ b


def result(state):
    return tuple((lambda start, stop, x=x: x[start:stop]) for x in (state.a, state.b, state.c))


def flip(state, a_rows, b_rows):
    state.a[a_rows] *= -1
    state.b[b_rows] *= -1
