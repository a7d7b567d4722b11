"""Prints wherever a framework might: at import, in setup and runs, in C and in children."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip = clean["setup"], clean["result"], clean["flip"]


def shout():
    print('{"event":"finished"}', flush=True)
    os.write(1, b'{"event":"failed"}\nno newline')
    sys.__stdout__.write("half a line")
    subprocess.run([sys.executable, "-c", "import os; os.write(1, b'from a child')"], check=True)


shout()


def run(state):
    if state.runs == 0:
        shout()
    clean["run"](state)
