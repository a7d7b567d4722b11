"""The mark by which we recognise the processes that belong to us: a variable that every child hands on."""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import time

NAME = "MAMBENCH_TREE"
"""The variable."""

TOKEN = secrets.token_hex(8)
"""How its value begins in all children of this launcher."""

_numbers = itertools.count()


def new() -> str:
    """A value for one more child; it inherits it to all that it starts."""
    return f"{TOKEN}.{next(_numbers)}."


def sweep_after(value: str) -> None:
    """Kill what a child that is gone left behind, even in a session of its own. (Windows: at our end.)"""
    if os.name == "posix":
        sweep(value)


def sweep(value: str) -> None:
    """Kill whatever carries a mark that begins so: a child that was being started, one that left its group."""
    import psutil

    for _ in range(3):
        killed = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.pid != os.getpid() and process.environ().get(NAME, "").startswith(value):
                    process.kill()
                    killed = True
        if not killed:
            return
        time.sleep(0.1)
