"""Reads its standard input to the end, as a library that asks a question would."""

import os
import runpy
import sys
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def run(state):
    assert os.read(0, 1) == b""
    assert sys.stdin.read() == ""
    clean["run"](state)
