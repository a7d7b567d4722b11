"""Says that it is quick up to 64 x 64 x 512, and of a sudden far slower than its work beyond that."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def run(state):
    clean["run"](state)
    work = state.a.shape[0] * state.a.shape[1] * state.b.shape[1] / (64 * 64 * 512)
    return 0.02 if work <= 1 else 0.02 * work**1.5
