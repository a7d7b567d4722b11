"""screen.py PROGRAM...         prints what the console of the process with just these words shows
screen.py --end PROGRAM...   ends it
"""

from __future__ import annotations

import ctypes
import sys
from ctypes import wintypes

import psutil
from processes import with_words

GENERIC_READ_WRITE, SHARE_READ_WRITE, OPEN_EXISTING = 0xC0000000, 3, 3


class Coordinates(ctypes.Structure):
    _fields_ = (("x", wintypes.SHORT), ("y", wintypes.SHORT))


class Information(ctypes.Structure):
    """CONSOLE_SCREEN_BUFFER_INFO."""

    _fields_ = (
        ("size", Coordinates),
        ("cursor", Coordinates),
        ("attributes", wintypes.WORD),
        ("window", wintypes.SMALL_RECT),
        ("largest", Coordinates),
    )


def lines(pid: int) -> list[str]:
    """The visible part of a process's console. Raises OSError."""
    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    kernel32.CreateFileW.restype = wintypes.HANDLE
    kernel32.GetConsoleScreenBufferInfo.argtypes = (wintypes.HANDLE, ctypes.c_void_p)
    kernel32.ReadConsoleOutputCharacterW.argtypes = (
        wintypes.HANDLE, wintypes.LPWSTR, wintypes.DWORD, Coordinates, ctypes.c_void_p,
    )  # fmt: skip
    kernel32.FreeConsole()
    if not kernel32.AttachConsole(pid):
        raise ctypes.WinError(ctypes.get_last_error())
    console = kernel32.CreateFileW("CONOUT$", GENERIC_READ_WRITE, SHARE_READ_WRITE, None, OPEN_EXISTING, 0, None)
    found, count = Information(), wintypes.DWORD()
    if not kernel32.GetConsoleScreenBufferInfo(console, ctypes.byref(found)):
        raise ctypes.WinError(ctypes.get_last_error())
    shown = []
    for row in range(found.window.Top, found.window.Bottom + 1):
        text = ctypes.create_unicode_buffer(found.size.x + 1)
        start = Coordinates(0, row)
        kernel32.ReadConsoleOutputCharacterW(console, text, found.size.x, start, ctypes.byref(count))
        shown.append(text.value.rstrip())
    return shown


def main(*words: str) -> int:
    end = words[0] == "--end"
    found = with_words(list(words[1:] if end else words))
    if not found:
        return 3
    if end:
        for pid in found:
            psutil.Process(pid).kill()
    else:
        sys.stdout.buffer.write("\n".join(lines(found[0])).encode())
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
