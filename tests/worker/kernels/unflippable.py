"""Has no flip and no facts: it is set up anew with another seed, once its first matrices are gone."""

import runpy
import weakref
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
run, result = clean["run"], clean["result"]
earlier = []


def setup(params):
    assert all(matrix() is None for matrix in earlier), "the matrices of an earlier setup are still held"
    state = clean["setup"](params)
    earlier.append(weakref.ref(state.a))
    return state
