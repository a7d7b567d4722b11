"""Leaves in shared memory what Intel's OpenMP leaves of a process without exit handlers; hangs if TOY_MARK is set."""

import os
import runpy
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


def run(state):
    Path(f"/dev/shm/__KMP_REGISTERED_LIB_{os.getpid()}_{os.getuid()}").touch()
    if "TOY_MARK" in os.environ:
        Path(os.environ["TOY_MARK"]).touch()
        time.sleep(60)
    clean["run"](state)
