"""System calls that Python does not wrap: sysctl on macOS, registry and kernel32 on Windows."""

from __future__ import annotations

import sys

from mambench.machine.readings import best_effort


def _sysctl(name: str) -> bytes | None:
    """The raw value of a macOS setting, through libc."""
    if sys.platform != "darwin":
        return None
    import ctypes

    libc = ctypes.CDLL(None)
    size = ctypes.c_size_t(0)
    if libc.sysctlbyname(name.encode(), None, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return None
    value = ctypes.create_string_buffer(size.value)
    if libc.sysctlbyname(name.encode(), value, ctypes.byref(size), None, ctypes.c_size_t(0)) != 0:
        return None
    return bytes(value.raw[: size.value])


def sysctl_text(name: str) -> str | None:
    """A macOS setting that is text; None elsewhere, or where there is no such setting."""
    value = best_effort(lambda: _sysctl(name))
    return None if value is None else value.rstrip(b"\0").decode(errors="replace")


def sysctl_number(name: str) -> int | None:
    """A macOS setting that is a number; None elsewhere, or where there is no such setting."""
    value = best_effort(lambda: _sysctl(name))
    return None if value is None else int.from_bytes(value, sys.byteorder)


def registry(key: str, name: str) -> str | int | None:
    """A value below HKEY_LOCAL_MACHINE; None elsewhere than on Windows, or where there is none."""
    value = _registry(key, name)
    return value if isinstance(value, (str, int)) else None


def registry_bytes(key: str, name: str) -> bytes | None:
    """A binary value there."""
    value = _registry(key, name)
    return value if isinstance(value, bytes) else None


def _registry(key: str, name: str) -> object:
    if sys.platform != "win32":
        return None
    import winreg

    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return winreg.QueryValueEx(opened, name)[0]
    except OSError:
        return None


def windows_feature(number: int) -> bool:
    """What IsProcessorFeaturePresent says; False elsewhere than on Windows."""
    if sys.platform != "win32":
        return False
    import ctypes

    return bool(best_effort(lambda: ctypes.windll.kernel32.IsProcessorFeaturePresent(number)))


def processor_groups() -> list[int]:
    """The logical processors of each processor group; none elsewhere than on Windows."""
    if sys.platform != "win32":
        return []
    import ctypes

    kernel32 = ctypes.windll.kernel32
    sizes = best_effort(
        lambda: [kernel32.GetActiveProcessorCount(group) for group in range(kernel32.GetActiveProcessorGroupCount())]
    )
    return sizes or []


def windows_native_machine() -> int | None:
    """The IMAGE_FILE_MACHINE of the processor, also in an emulated program (Windows 10 1709 and later)."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    process, native = wintypes.USHORT(0), wintypes.USHORT(0)
    kernel32.GetCurrentProcess.restype = wintypes.HANDLE
    try:
        ask_machine = kernel32.IsWow64Process2
    except AttributeError:
        return None
    ask_machine.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.USHORT), ctypes.POINTER(wintypes.USHORT)]
    if not ask_machine(kernel32.GetCurrentProcess(), ctypes.byref(process), ctypes.byref(native)):
        return None
    return int(native.value)
