"""Takes memory until there is none; a limit of its own spares the machine."""

import resource
import runpy
from pathlib import Path

import numpy as np

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


def run(_state):
    resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
    taken = []
    while True:
        taken.append(np.ones(2**24))
