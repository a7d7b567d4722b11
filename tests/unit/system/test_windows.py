"""What only Windows has, with a kernel32 that notes its calls."""

from __future__ import annotations

import atexit
import ctypes
from collections.abc import Callable
from typing import Any

import pytest

from mambench.system import windows


class Function:
    """One function of a DLL; its types may be set."""

    def __init__(self, name: str, answer: Any, calls: list[tuple[Any, ...]]) -> None:
        self._name, self._answer, self._calls = name, answer, calls

    def __call__(self, *words: Any) -> Any:
        self._calls.append((self._name, *words))
        return self._answer


class Kernel32:
    """A kernel32 with some answers; 0 is all others'."""

    def __init__(self, **answers: Any) -> None:
        self._answers = answers
        self.calls: list[tuple[Any, ...]] = []

    def __getattr__(self, name: str) -> Function:
        function = Function(name, self._answers.get(name, 0), self.calls)
        setattr(self, name, function)
        return function

    def named(self, *names: str) -> list[tuple[Any, ...]]:
        return [call for call in self.calls if call[0] in names]


@pytest.fixture
def kernel32(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Kernel32]:
    def made(**answers: Any) -> Kernel32:
        fake = Kernel32(**answers)
        monkeypatch.setattr(ctypes, "WinDLL", lambda *_names, **_options: fake, raising=False)
        return fake

    return made


def test_no_dialogs_are_added_to_what_the_parent_asked_for(kernel32: Callable[..., Kernel32]) -> None:
    fake = kernel32(GetErrorMode=0x4)
    windows.no_dialogs()
    assert fake.named("SetErrorMode") == [("SetErrorMode", 0x4 | 0x1 | 0x2 | 0x8000)]


def test_a_process_is_waited_for_and_its_handle_given_back(kernel32: Callable[..., Kernel32]) -> None:
    fake = kernel32(OpenProcess=7)
    windows.wait_for_end(4242)
    assert fake.calls == [
        ("OpenProcess", 0x100000, 0, 4242),
        ("WaitForSingleObject", 7, 0xFFFFFFFF),
        ("CloseHandle", 7),
    ]


def test_a_process_that_is_gone_is_not_waited_for(kernel32: Callable[..., Kernel32]) -> None:
    fake = kernel32(OpenProcess=None)
    windows.wait_for_end(4242)
    assert [call[0] for call in fake.calls] == ["OpenProcess"]


def test_the_system_is_required_only_while_that_is_wanted(kernel32: Callable[..., Kernel32]) -> None:
    fake = kernel32()
    windows.stay_awake(wanted=True)
    windows.stay_awake(wanted=False)
    assert [call[1].value for call in fake.calls] == [0x80000001, 0x80000000]


def test_the_code_page_of_the_window_is_restored(
    kernel32: Callable[..., Kernel32], monkeypatch: pytest.MonkeyPatch
) -> None:
    at_the_end: list[tuple[Any, ...]] = []
    monkeypatch.setattr(atexit, "register", lambda *words: at_the_end.append(words))
    fake = kernel32(GetConsoleOutputCP=850)
    windows.speak_utf8()
    for function, *words in at_the_end:
        function(*words)
    assert [call[1] for call in fake.named("SetConsoleOutputCP")] == [65001, 850]
