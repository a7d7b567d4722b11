"""What the worker asks of Windows, with a kernel32 that notes its calls."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import facts
import power
import pytest

DLLS = {64: r"C:\python\python313.dll", 128: r"C:\env\Library\bin\openblas.dll"}


class Function:
    """One function of a DLL; its types may be set."""

    def __init__(self, does):
        self._does = does

    def __call__(self, *words):
        return self._does(*words)


def offer(monkeypatch, **functions):
    kernel32 = SimpleNamespace(**{name: Function(does) for name, does in functions.items()})
    monkeypatch.setattr(ctypes, "WinDLL", lambda _name: kernel32, raising=False)


@pytest.fixture
def loaded(monkeypatch):
    def modules(_process, room, _size, needed):
        for index, handle in enumerate(DLLS):
            room[index] = handle
        needed._obj.value = len(DLLS) * ctypes.sizeof(ctypes.c_void_p)
        return 1

    def name(module, buffer, _size):
        buffer.value = DLLS[module]
        return len(DLLS[module])

    offer(monkeypatch, GetCurrentProcess=lambda: -1, K32EnumProcessModules=modules, GetModuleFileNameW=name)
    monkeypatch.setattr(facts.sys, "platform", "win32")
    monkeypatch.setattr(facts.os.path, "basename", lambda path: path.rpartition("\\")[2])


@pytest.mark.usefixtures("loaded")
def test_the_loaded_dlls_are_listed():
    assert facts.loaded_libraries() == sorted(DLLS.values())


@pytest.mark.usefixtures("loaded")
def test_a_dll_names_the_blas_where_threadpoolctl_does_not():
    assert facts._blas([]) == {"blas": "openblas"}


def test_power_throttling_is_switched_off(monkeypatch):
    calls = []
    offer(monkeypatch, SetProcessInformation=lambda *words: calls.append(words) or 1)
    assert power.ask_for_full_speed()
    ((process, kind, state, size),) = calls
    assert (process.value, kind, list(state._obj), size) == (2**64 - 1, 4, [1, 1, 0], 12)


def test_a_windows_without_power_throttling_is_no_error(monkeypatch):
    offer(monkeypatch)
    assert not power.ask_for_full_speed()


@pytest.mark.skipif(hasattr(ctypes, "WinDLL"), reason="not on Windows")
def test_other_systems_are_asked_nothing():
    assert not power.ask_for_full_speed()
