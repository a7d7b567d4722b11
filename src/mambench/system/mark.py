"""The mark by which we recognise the processes that belong to us: what every child hands on to all that it starts.

It is a variable, which a process loses that clears its environment, and on Linux a limit, too, which it keeps whatever
session, parent and environment it takes: the time that a process of a real-time class may compute without a pause.
The value is some 100,000 years, so that it limits nothing. macOS has no such limit, nor shows it those of others.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sys
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

NAME = "MAMBENCH_TREE"
"""The variable."""

TOKEN = secrets.token_hex(5)
"""How its value begins in all children of this launcher."""

_NUMBER_BITS = 20
_OURS = 1 << 62
"""Set in every limit that is a mark; the token and a number follow."""

_numbers = itertools.count()
_one_start = threading.Lock()


def new() -> str:
    """A value for one more child; it inherits it to all that it starts."""
    return f"{TOKEN}.{next(_numbers)}."


@contextlib.contextmanager
def worn(value: str | None) -> Iterator[None]:
    """What is started within has this mark as a limit, or none: one start at a time, for it is taken from ours."""
    if sys.platform != "linux":
        yield
        return
    import resource

    with _one_start:
        before = resource.getrlimit(resource.RLIMIT_RTTIME)
        with contextlib.suppress(OSError, ValueError):  # a lower limit of this session's: the variable has to do
            if value is not None:
                resource.setrlimit(resource.RLIMIT_RTTIME, (_limit_of(value), before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_RTTIME, before)


def _limit_of(value: str) -> int:
    token, number, _ = value.split(".")
    return _OURS | int(token, 16) << _NUMBER_BITS | int(number) % (1 << _NUMBER_BITS)


def _value_of(limit: int) -> str:
    if limit < _OURS:  # -1 where there is none
        return ""
    token, number = divmod(limit - _OURS, 1 << _NUMBER_BITS)
    return f"{token:010x}.{number}."


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
                if process.pid != os.getpid() and any(each.startswith(value) for each in _marks(process)):
                    process.kill()
                    killed = True
        if not killed:
            return
        time.sleep(0.1)


def _marks(process: psutil.Process) -> Iterator[str]:
    if sys.platform == "linux":
        import psutil

        yield _value_of(process.rlimit(psutil.RLIMIT_RTTIME)[0])
    yield process.environ().get(NAME, "")
