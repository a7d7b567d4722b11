"""Keeps C for ever and leaves its operands alone when told to flip them."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result = clean["setup"], clean["result"]


def run(state):
    state.runs += 1
    if state.runs == 1:
        clean["run"](state)


def flip(state, _a_rows, _b_rows):
    pass
