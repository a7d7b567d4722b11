"""Says that every run takes a tenth of a second, small ones too."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def run(state):
    clean["run"](state)
    return 0.1
