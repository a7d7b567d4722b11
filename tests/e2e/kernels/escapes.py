"""Leaves behind a process without an environment, in a session of its own, whose parent is gone; then may stand still.

Its number is written to the file TOY_ESCAPED; TOY_STAYS makes the kernel wait for a minute.
"""

import os
import runpy
import subprocess
import sys
import time
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))

MIDDLE = (
    "import subprocess, sys; null = subprocess.DEVNULL;"
    "subprocess.Popen([sys.executable, *sys.argv[1:]], env={}, start_new_session=True, stdout=null, stderr=null)"
)
SLEEPER = "import os, pathlib, sys, time; pathlib.Path(sys.argv[1]).write_text(str(os.getpid())); time.sleep(600)"


def run(state):
    escaped = Path(os.environ["TOY_ESCAPED"])
    if not escaped.exists():
        subprocess.run([sys.executable, "-c", MIDDLE, "-c", SLEEPER, str(escaped)], check=True)
        while not (escaped.exists() and escaped.read_text()):
            time.sleep(0.01)
        if "TOY_STAYS" in os.environ:
            time.sleep(60)
    clean["run"](state)
