"""Multiplies once and keeps C for ever."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def run(state):
    state.runs += 1
    if state.runs == 1:
        clean["run"](state)
