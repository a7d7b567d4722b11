"""Leaves two children behind that would hold every pipe they inherit."""

import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]

LIFE_SECONDS = 600


def run(state):
    if state.runs == 0:
        pid = os.fork()
        if pid == 0:
            time.sleep(LIFE_SECONDS)
            os._exit(0)
        code = f"import time; time.sleep({LIFE_SECONDS})"
        child = subprocess.Popen([sys.executable, "-c", code])
        print(f"children {pid} {child.pid}", file=sys.stderr, flush=True)
    clean["run"](state)
