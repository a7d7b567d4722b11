"""Raises in a run what params name."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


class OutOfMemoryError(RuntimeError):
    pass


def run(state):
    what = state.params["raises"]
    if what == "array":
        return state.a
    raise {
        "value": ValueError("first line\nsecond line"),
        "memory": MemoryError(),
        "framework memory": OutOfMemoryError("CUDA out of memory"),
        "xla memory": RuntimeError("RESOURCE_EXHAUSTED: no room"),
        "dtype": NotImplementedError("no float64 here"),
        "device": LookupError("there is no cuda:3"),
        "slip": KeyError("cuda"),
        "exit": SystemExit(3),
    }[what]
