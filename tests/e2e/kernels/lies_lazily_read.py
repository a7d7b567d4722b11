"""Computes when C is read, and pretends to work until then."""

import runpy
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, flip, facts = (clean[name] for name in ("setup", "flip", "facts"))


def run(_state):
    time.sleep(0.004)


def result(state):
    a, b, c = clean["result"](state)

    def read(start, stop):
        clean["run"](state)
        return c(start, stop)

    return a, b, read
