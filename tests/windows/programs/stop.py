"""stop.py HOW MARK PROGRAM...   starts PROGRAM in a console of its own, stops it when the file MARK is there, and
prints as JSON how it ended, what it said and what outlived it. HOW is `ctrl-c` or `kill` (TerminateProcess);
stop.py beside MARK OTHER... -- PROGRAM...   runs OTHER to its end before Ctrl-C, and tells what it cost PROGRAM;
stop.py anywhere TIMES PROGRAM...   kills so many runs of PROGRAM in a home, at random points of their phases.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import psutil
from processes import command_of, descendants, living

sys.path.append(str(Path(__file__).parents[2]))
from phases import Point, clear, damage, last_begun, points, reached

PATIENCE_SECONDS = 180.0
CTRL_C_EVENT = 0
KIND = "pypi on Windows"
SLOWER = 2.5
"""A program starts slowly under wine."""


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


def killed(command: list[str], home: Path, point: Point, chance: random.Random) -> dict[str, object]:
    """One run, killed; of a one-file program the bootloader, the program itself, or both."""
    if point.afresh:
        clear(home)
    before, since = set(psutil.pids()), time.time()
    null = subprocess.DEVNULL
    options = {"stdin": null, "stdout": null, "stderr": null}
    process = subprocess.Popen(command, creationflags=subprocess.CREATE_NEW_CONSOLE, **options)
    while process.poll() is None and not reached(point.phase, home, KIND, since):
        time.sleep(0.02)
    time.sleep(point.seconds)
    twins = [child.pid for child in descendants(process.pid) if command_of(child.pid) == command] or [process.pid]
    for pid in chance.choice([[process.pid], twins, [process.pid, *twins], [*twins, process.pid]]):
        with contextlib.suppress(psutil.Error, OSError):
            psutil.Process(pid).kill()
    process.wait(60)
    left = wait_until_gone(lambda: [psutil.Process(pid) for pid in set(psutil.pids()) - before if command_of(pid)])
    return {
        "point": str(point), "phase": last_begun(home, KIND, since), "left": left, "damage": damage(home / "e")
    }  # fmt: skip


def wait_until_gone(found: Callable[[], list[psutil.Process]]) -> list[list[object]]:
    """Wait for the last of these processes; those that outlive our patience are told, and ended."""
    deadline = time.monotonic() + 20
    while found() and time.monotonic() < deadline:
        time.sleep(0.1)
    left = found()
    told = [[one.pid, *command_of(one.pid)] for one in left]
    for one in left:
        with contextlib.suppress(psutil.Error):  # its job may have gone with the one before
            one.kill()
    return told


def main(how: str, mark: str, *words: str) -> None:
    if how == "anywhere":
        chance, home = random.Random(mark), Path(os.environ["MAMBENCH_HOME"])
        every = points(chance, int(mark), slower=SLOWER)
        print(json.dumps([killed(list(words), home, point, chance) for point in every]))
        return
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
    ended["left"] = wait_until_gone(lambda: living(started))
    ended["said"] = process.communicate(timeout=30)[0].decode("utf-8", "replace")  # what lives on holds the pipe
    print(json.dumps(ended))


if __name__ == "__main__":
    main(*sys.argv[1:])
