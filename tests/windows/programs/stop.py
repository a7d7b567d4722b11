"""stop.py HOW MARK PROGRAM...   starts PROGRAM in a console of its own, stops it when the file MARK is there, and
prints as JSON how it ended, what it said and what outlived it. HOW is `ctrl-c` or `kill` (TerminateProcess);
stop.py beside MARK OTHER... -- PROGRAM...   runs OTHER to its end before Ctrl-C, and tells what it cost PROGRAM.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from processes import command_of, descendants, living

PATIENCE_SECONDS = 180.0
CTRL_C_EVENT = 0


def press_ctrl_c(pid: int) -> None:
    """The event goes to every process on the console, as the key's does; we do not listen."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.FreeConsole()
    ignoring = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(lambda _event: 1)
    if not kernel32.AttachConsole(pid):
        raise ctypes.WinError(ctypes.get_last_error())
    kernel32.SetConsoleCtrlHandler(ignoring, 1)
    if not kernel32.GenerateConsoleCtrlEvent(CTRL_C_EVENT, 0):
        raise ctypes.WinError(ctypes.get_last_error())
    time.sleep(0.5)
    kernel32.FreeConsole()


def bundle_files() -> set[Path]:
    """What one-file programs have unpacked and not deleted."""
    return {path for folder in Path(tempfile.gettempdir()).glob("_MEI*") for path in folder.rglob("*")}


def main(how: str, mark: str, *words: str) -> None:
    beside, command = [], list(words)
    if how == "beside":
        beside, command = command[: command.index("--")], command[command.index("--") + 1 :]
    pipe = subprocess.PIPE
    options = {"stdin": pipe, "stdout": pipe, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, creationflags=subprocess.CREATE_NEW_CONSOLE, **options)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not Path(mark).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    started = descendants(process.pid)
    workers = [one.pid for one in started if any("worker.py" in word for word in command_of(one.pid))]
    ended = {"workers": workers}
    if beside:
        before = bundle_files()
        done = subprocess.run(beside, capture_output=True, check=False)
        ended |= {"beside": done.returncode, "lost": sorted(map(str, before - bundle_files()))}
    begin = time.monotonic()
    if process.poll() is None:
        process.kill() if how == "kill" else press_ctrl_c(process.pid)
    process.wait(60)
    ended |= {"code": process.returncode, "seconds": time.monotonic() - begin}
    deadline = time.monotonic() + 20
    while living(started) and time.monotonic() < deadline:
        time.sleep(0.1)
    ended["left"] = [[one.pid, *command_of(one.pid)] for one in living(started)]
    for one in living(started):
        with contextlib.suppress(psutil.Error):  # its job may have gone with the one before
            one.kill()
    ended["said"] = process.communicate(timeout=30)[0].decode("utf-8", "replace")  # what lives on holds the pipe
    print(json.dumps(ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
