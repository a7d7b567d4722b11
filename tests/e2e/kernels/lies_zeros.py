"""Computes the first block of columns and leaves the rest."""

import runpy
from pathlib import Path

import numpy as np

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


def run(state):
    columns = max(1, state.size // 32)
    state.c[:, :columns] = np.matmul(state.a, state.b[:, :columns])
