"""Tells more seconds than there were."""

import runpy
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


def run(state):
    begin = time.perf_counter()
    clean["run"](state)
    return (time.perf_counter() - begin) * 2
