"""Replaces the clock by one that runs a hundred times slower."""

import runpy
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


real = time.perf_counter
time.perf_counter = lambda: real() / 100


def run(state):
    begin = time.perf_counter()
    for _ in range(20):
        clean["run"](state)
    return max(1e-9, time.perf_counter() - begin)
