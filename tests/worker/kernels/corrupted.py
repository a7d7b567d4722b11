"""An honest product but for one place, which params name: a bit of one entry, its row, or NaN."""

import runpy
from pathlib import Path

import numpy as np

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]
HIGHEST_FRACTION_BIT = {"float64": np.uint64(1) << np.uint64(51), "float32": np.uint32(1) << np.uint32(22)}


def run(state):
    clean["run"](state)
    (row, column), how, dtype = state.params["wrong"], state.params["how"], state.params["dtype"]
    if how == "bit":
        bits = state.c.view(dtype.replace("float", "uint"))
        bits[row, column] ^= HIGHEST_FRACTION_BIT[dtype]
    elif how == "row":
        state.c[row] = np.roll(state.c[row], 1)
    else:
        state.c[row, column] = float(how)
