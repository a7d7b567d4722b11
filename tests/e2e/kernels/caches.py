"""Keeps the product of operands that it has seen, and forgets none."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = (clean[name] for name in ("setup", "result", "flip"))


seen = {}


def run(state):
    key = hash((state.a.tobytes(), state.b.tobytes()))
    if key not in seen:
        clean["run"](state)
        seen[key] = state.c.copy()
    state.c = seen[key]


def facts(state):
    return {**clean["facts"](state), "computed": len(seen)}
