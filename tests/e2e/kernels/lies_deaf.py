"""Keeps C and its operands as they were, whatever it is told to change, and does a quarter of the work."""

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


def flip(_state, _a_rows, _b_rows):
    pass
