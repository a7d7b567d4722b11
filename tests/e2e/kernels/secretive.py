"""Says nothing of what ran."""

import runpy
from pathlib import Path

clean = runpy.run_path(str(Path(__file__).with_name("clean.py")))
setup, run, result, flip = (clean[name] for name in ("setup", "run", "result", "flip"))
