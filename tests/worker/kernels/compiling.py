"""Says that the first run after each setup takes far longer than the others, as with a compiler just in time."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def run(state):
    clean["run"](state)
    return 1.2 if state.runs == 1 and len(state.a) < 512 else 0.001
