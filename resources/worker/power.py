"""Full speed: no efficiency cores for a program that has no window (Windows)."""

from __future__ import annotations

import ctypes
from typing import Any

# PROCESS_POWER_THROTTLING_STATE: its version, what it decides (execution speed), and that it is off.
STATE = (ctypes.c_uint32 * 3)(1, 1, 0)
PROCESS_POWER_THROTTLING = 4


def ask_for_full_speed() -> bool:
    """Opt this process out of power throttling; False where the system knows none or refuses.

    In the worker itself: a venv's python.exe starts another process, which does not inherit it.
    Source: "Quality of Service" in the Win32 documentation (Windows 10 1709 and later).
    """
    library = getattr(ctypes, "WinDLL", None)
    set_information: Any = getattr(library("kernel32"), "SetProcessInformation", None) if library else None
    if set_information is None:
        return False
    this_process = ctypes.c_void_p(-1)  # what GetCurrentProcess gives
    set_information.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
    return bool(set_information(this_process, PROCESS_POWER_THROTTLING, ctypes.byref(STATE), ctypes.sizeof(STATE)))
