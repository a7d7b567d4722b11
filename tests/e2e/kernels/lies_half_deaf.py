"""Changes A as it is told, and C with it; leaves B alone, and does a quarter of the work."""

import runpy
from pathlib import Path

import numpy as np

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
result, facts = (clean[name] for name in ("result", "facts"))


def setup(params):
    state = clean["setup"](params)
    clean["run"](state)
    return state


def run(state):
    quarter = state.size // 4
    np.matmul(state.a[:quarter], state.b)


def flip(state, a_rows, _b_rows):
    state.a[a_rows] *= -1
    state.c[a_rows] *= -1
