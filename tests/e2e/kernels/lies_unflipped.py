"""Leaves its operands alone."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, run, result, facts = (clean[name] for name in ("setup", "run", "result", "facts"))


def flip(state, _a_rows, _b_rows):
    pass
