"""What only Windows has, through ctypes: the job object that no child outlives, power, and the console."""

from __future__ import annotations

import atexit
import ctypes
from typing import Any

_KILL_ON_JOB_CLOSE = 0x2000
_EXTENDED_LIMIT_INFORMATION = 9
_STANDARD_OUTPUT, _STANDARD_ERROR = 0xFFFFFFF5, 0xFFFFFFF4  # -11 and -12 as DWORD
_UTF8 = 65001
_VIRTUAL_TERMINAL_PROCESSING = 0x4
_NO_DIALOGS = 0x1 | 0x2 | 0x8000  # SEM_FAILCRITICALERRORS, SEM_NOGPFAULTERRORBOX, SEM_NOOPENFILEERRORBOX
_SYNCHRONIZE, _FOREVER = 0x100000, 0xFFFFFFFF
_AWAKE = 0x80000000 | 0x1  # ES_CONTINUOUS, ES_SYSTEM_REQUIRED


def _kernel32() -> Any:
    library: Any = getattr(ctypes, "WinDLL")("kernel32", use_last_error=True)  # noqa: B009  (Windows only)
    library.OpenProcess.restype = library.GetStdHandle.restype = ctypes.c_void_p
    library.OpenProcess.argtypes = (ctypes.c_uint32, ctypes.c_int, ctypes.c_uint32)
    library.WaitForSingleObject.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    library.CloseHandle.argtypes = (ctypes.c_void_p,)
    return library


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
    kernel32 = _kernel32()
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


def no_dialogs() -> None:
    """A DLL that is missing is an exit code, for us and our children, and no window that nobody sees."""
    kernel32 = _kernel32()
    kernel32.SetErrorMode(kernel32.GetErrorMode() | _NO_DIALOGS)


def stay_awake(*, wanted: bool) -> None:
    """The computer does not go to sleep by itself while that is wanted by this thread."""
    _kernel32().SetThreadExecutionState(ctypes.c_uint32(_AWAKE if wanted else _AWAKE & ~1))


def wait_for_end(pid: int) -> None:
    """Return when a process has ended; at once when there is none."""
    kernel32 = _kernel32()
    process = kernel32.OpenProcess(_SYNCHRONIZE, 0, pid)
    if process:
        kernel32.WaitForSingleObject(process, _FOREVER)
        kernel32.CloseHandle(process)


def processes_on_console() -> int:
    """How many processes share our console; a large number where there is none. Source: GetConsoleProcessList."""
    kernel32 = _kernel32()
    room = (ctypes.c_uint32 * 8)()
    return int(kernel32.GetConsoleProcessList(room, len(room))) or 1 << 16


def speak_utf8() -> None:
    """Switch our console to UTF-8 and to escape sequences; without a console nothing happens."""
    kernel32 = _kernel32()
    kernel32.GetConsoleMode.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    kernel32.SetConsoleMode.argtypes = (ctypes.c_void_p, ctypes.c_uint32)
    atexit.register(kernel32.SetConsoleOutputCP, kernel32.GetConsoleOutputCP())  # it is the window's, and stays
    kernel32.SetConsoleOutputCP(_UTF8)
    for handle_number in (_STANDARD_OUTPUT, _STANDARD_ERROR):
        handle, mode = kernel32.GetStdHandle(handle_number), ctypes.c_uint32()
        if kernel32.GetConsoleMode(handle, ctypes.byref(mode)):
            kernel32.SetConsoleMode(handle, mode.value | _VIRTUAL_TERMINAL_PROCESSING)


def takes_escapes(descriptor: int) -> bool:
    """Whether the console behind a descriptor obeys escape sequences. Source: GetConsoleMode."""
    import msvcrt

    kernel32, mode = _kernel32(), ctypes.c_uint32()
    kernel32.GetConsoleMode.argtypes = (ctypes.c_void_p, ctypes.c_void_p)
    handle = getattr(msvcrt, "get_osfhandle")(descriptor)  # noqa: B009  (Windows only)
    known = kernel32.GetConsoleMode(handle, ctypes.byref(mode))
    return bool(known and mode.value & _VIRTUAL_TERMINAL_PROCESSING)
