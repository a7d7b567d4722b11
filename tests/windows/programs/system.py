"""system.py   what the program's own modules do with Windows: its libraries, processes, locks; prints JSON."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mambench.frozen import bundle
from mambench.machine import calls
from mambench.system import files, resources, windows

sys.path.append(str(resources.worker()))


def loaded() -> list[str]:
    import facts  # the worker's
    import numpy  # noqa: F401  (for its BLAS)

    return [Path(path).name.lower() for path in facts.loaded_libraries()]


def waited_seconds() -> float:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(1)"])
    begin = time.monotonic()
    windows.wait_for_end(child.pid)
    windows.wait_for_end(0x7FFFFFFC)  # nobody's number
    assert child.poll() == 0
    return time.monotonic() - begin


def swept() -> list[bool]:
    """Whether a bundle is gone after a sweep: while it is claimed, and afterwards."""
    root = Path(tempfile.mkdtemp())
    left = root / "_MEI7fffffffAbCdEf"
    left.mkdir()
    (left / bundle.MARKER).write_text("mambench\n")
    os.utime(left, (1, 1))
    bundle.folder = lambda: left
    bundle.claim()
    bundle.folder = lambda: root
    gone = []
    for _ in range(2):
        bundle.sweep(root)
        gone.append(not left.exists())
        bundle._claimed.close()
    return gone


def replaced_seconds() -> float:
    """How long a file is waited for that another program opens, and gives back after half a second."""
    folder = Path(tempfile.mkdtemp())
    files.write(folder / "x", "old")
    holds = "import sys, time; held = open(sys.argv[1]); print('held', flush=True); time.sleep(0.5)"
    child = subprocess.Popen([sys.executable, "-c", holds, str(folder / "x")], stdout=subprocess.PIPE)
    child.stdout.readline()
    begin = time.monotonic()
    files.write(folder / "x", "new")
    assert (folder / "x").read_text() == "new"
    return time.monotonic() - begin


windows.no_dialogs()
windows.stay_awake(wanted=True)
windows.stay_awake(wanted=False)
import power  # noqa: E402  (the worker's)

power.ask_for_full_speed()  # wine 8 cannot
told = {
    "loaded": loaded(), "waited_seconds": waited_seconds(), "swept": swept(), "replaced_seconds": replaced_seconds(),
    "groups": calls.processor_groups(),
}  # fmt: skip
print(json.dumps(told))
