"""Gives as many readers as params name, for the product's three."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, run, flip = clean["setup"], clean["run"], clean["flip"]


def result(state):
    return (clean["result"](state) * 2)[: state.params["readers"]]
