"""What only Windows has, through ctypes: the job object that no child outlives, and the console."""

from __future__ import annotations

import ctypes
from typing import Any

_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMIT_INFORMATION = 9
_STANDARD_OUTPUT, _STANDARD_ERROR = 0xFFFFFFF5, 0xFFFFFFF4  # -11 and -12 as DWORD
_UTF8 = 65001
_VIRTUAL_TERMINAL_PROCESSING = 0x4


class _BasicLimits(ctypes.Structure):
    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class _ExtendedLimits(ctypes.Structure):
    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


def job_that_dies_with_us() -> Any:
    """Put this process into a job object whose only handle is ours; None where Windows refuses.

    Source: "Job Objects" in the Win32 documentation; nested jobs exist since Windows 8.
    """
    kernel32: Any = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009  (Windows only)
    kernel32.CreateJobObjectW.restype = ctypes.c_void_p
    kernel32.GetCurrentProcess.restype = ctypes.c_void_p
    kernel32.SetInformationJobObject.argtypes = (ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32)
    kernel32.AssignProcessToJobObject.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    job = kernel32.CreateJobObjectW(None, None)
    limits = _ExtendedLimits()
    limits.BasicLimitInformation.LimitFlags = _KILL_ON_JOB_CLOSE
    size = ctypes.sizeof(limits)
    if not job or not kernel32.SetInformationJobObject(job, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), size):
        return None
    return job if kernel32.AssignProcessToJobObject(job, kernel32.GetCurrentProcess()) else None


def processes_on_console() -> int:
    """How many processes share our console; a large number where there is none. Source: GetConsoleProcessList."""
    kernel32: Any = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009  (Windows only)
    room = (ctypes.c_uint32 * 8)()
    return int(kernel32.GetConsoleProcessList(room, len(room))) or 1 << 16


def speak_utf8() -> None:
    """Switch our console to UTF-8 and to escape sequences; without a console nothing happens."""
    kernel32: Any = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009  (Windows only)
    kernel32.GetStdHandle.restype = ctypes.c_void_p
    kernel32.GetConsoleMode.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    kernel32.SetConsoleMode.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    kernel32.SetConsoleOutputCP(_UTF8)
    for handle_number in (_STANDARD_OUTPUT, _STANDARD_ERROR):
        handle, mode = kernel32.GetStdHandle(handle_number), ctypes.c_uint32()
        if kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
            kernel32.SetConsoleMode(handle, mode.value | _VIRTUAL_TERMINAL_PROCESSING)
