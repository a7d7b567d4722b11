"""A product with one wrong entry."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


def run(state):
    clean["run"](state)
    state.c[3, 5] += 1e-3
