"""Never returns and never lets go of the interpreter lock: no thread of the worker can run."""

import ctypes
import os
import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


def run(_state):
    Path(os.environ["TOY_DEAF"]).touch()
    ctypes.PyDLL(None).sleep(3600)
