"""Multiplies by the identity, which needs no arithmetic."""

import runpy
from pathlib import Path

import numpy as np

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
result, flip, facts = (clean[name] for name in ("result", "flip", "facts"))


def setup(params):
    state = clean["setup"](params)
    state.a = np.eye(state.size)
    return state


def run(state):
    state.c[:] = np.diag(state.a)[:, None] * state.b
