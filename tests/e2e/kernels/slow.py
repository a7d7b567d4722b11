"""Stands still for a minute in the phase that TOY_SLOW names, after making the file TOY_MARK."""

import os
import runpy
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
flip, facts = (clean[name] for name in ("flip", "facts"))


WARMUPS = 2
PHASE, FILE = os.environ.get("TOY_SLOW"), os.environ.get("TOY_MARK", "")


def stand_still(phase):
    if phase == PHASE:
        Path(FILE).touch()
        time.sleep(60)


def setup(params):
    if params["m"] > 64:
        stand_still("starting")
    return clean["setup"](params)


def run(state):
    time.sleep(0.002)
    if state.size > 64:
        stand_still("warmup" if state.runs < WARMUPS else "run")
    clean["run"](state)


def result(state):
    stand_still("check")
    return clean["result"](state)
