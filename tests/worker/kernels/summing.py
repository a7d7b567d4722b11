"""The sums of a symmetric matrix's rows; params may say that a change of sign leaves the columns alone."""

from types import SimpleNamespace

import numpy as np


def setup(params):
    values = np.random.default_rng(params["seed"]).standard_normal((params["n"], params["n"]))
    return SimpleNamespace(s=values + values.T, sums=np.zeros((params["n"], 1)), params=params)


def run(state):
    np.sum(state.s, axis=1, keepdims=True, out=state.sums)


def result(state):
    return tuple((lambda start, stop, x=x: x[start:stop]) for x in (state.s, state.sums))


def flip(state, rows):
    state.s[rows] *= -1
    if not state.params.get("rows_only"):
        state.s[:, rows] *= -1
