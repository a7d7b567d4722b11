"""stop.py HOW MARK PROGRAM...   starts PROGRAM in a console of its own, stops it when the file MARK is there, and prints
as JSON how it ended, what it said and what outlived it. HOW is `ctrl-c`, `ctrl-break`, or `kill` (TerminateProcess)."""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import time
from pathlib import Path

from processes import command_of, descendants, living

PATIENCE_SECONDS = 180.0
EVENTS = {"ctrl-c": 0, "ctrl-break": 1}


def send(event: int, pid: int) -> None:
    """A console event goes to every process on the console, as the key does; we do not listen."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.FreeConsole()
    ignoring = ctypes.WINFUNCTYPE(ctypes.c_int, ctypes.c_uint)(lambda _event: 1)
    if not kernel32.AttachConsole(pid):
        raise ctypes.WinError(ctypes.get_last_error())
    kernel32.SetConsoleCtrlHandler(ignoring, 1)
    if not kernel32.GenerateConsoleCtrlEvent(event, 0):
        raise ctypes.WinError(ctypes.get_last_error())
    time.sleep(0.5)
    kernel32.FreeConsole()


def main(how: str, mark: str, *command: str) -> None:
    pipe = subprocess.PIPE
    options = {"stdin": pipe, "stdout": pipe, "stderr": subprocess.STDOUT}
    process = subprocess.Popen(command, creationflags=subprocess.CREATE_NEW_CONSOLE, **options)
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not Path(mark).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.1)
    started = descendants(process.pid)
    workers = [one.pid for one in started if any("worker.py" in word for word in command_of(one.pid))]
    begin = time.monotonic()
    if process.poll() is None:
        process.kill() if how == "kill" else send(EVENTS[how], process.pid)
    out, _ = process.communicate(timeout=60)
    seconds = time.monotonic() - begin
    deadline = time.monotonic() + 10
    while living(started) and time.monotonic() < deadline:
        time.sleep(0.1)
    left = [[one.pid, *command_of(one.pid)] for one in living(started)]
    for one in living(started):
        one.kill()
    said = out.decode("utf-8", "replace")
    ended = {"code": process.returncode, "seconds": seconds, "workers": workers, "left": left, "said": said}
    print(json.dumps(ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
