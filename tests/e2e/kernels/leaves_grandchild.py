"""Leaves behind a process in a session of its own that holds every pipe of the worker."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, result, flip, facts = (clean[name] for name in ("setup", "result", "flip", "facts"))


def pipes():
    for name in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{name}").startswith("pipe:"):
                yield int(name)
        except OSError:
            continue


def run(state):
    if state.runs == 0:
        middle = "import subprocess, sys; subprocess.Popen([sys.executable, *sys.argv[1:]], close_fds=False)"
        sleeper = "import time; time.sleep(600)"
        command = [sys.executable, "-c", middle, "-c", sleeper]
        subprocess.run(command, pass_fds=list(pipes()), start_new_session=True, check=True)
    clean["run"](state)
