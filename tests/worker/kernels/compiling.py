"""Says that the first run of a smaller size takes far longer than the others, as with a compiler just in time."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def run(state):
    clean["run"](state)
    if len(state.a) == 512:
        return None
    return 1.2 if state.runs == 1 else 0.001
