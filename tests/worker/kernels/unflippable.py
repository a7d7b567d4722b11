"""Has no flip."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, run, result = clean["setup"], clean["run"], clean["result"]
