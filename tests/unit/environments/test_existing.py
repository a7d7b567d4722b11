"""A python that the user has is asked once, and what it answers is not believed blindly; none is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mambench.environments.existing import ExistingSource
from mambench.errors import ProvisionError
from mambench.system import process
from mambench.system.home import Home

SHIM, REAL = Path("/opt/shims/python"), Path("/opt/real/bin/python")


class FakeRun:
    """A shim that answers as the real python does."""

    def __init__(self, answer: str | OSError | None = None) -> None:
        self.asked: list[list[str]] = []
        self.answer = json.dumps([str(REAL), "3.12.7", ["numpy"]]) if answer is None else answer

    def __call__(self, command: list[str], **_options: Any) -> process.Finished:
        self.asked.append(command)
        if isinstance(self.answer, OSError):
            raise self.answer
        return process.Finished(0, f"a banner\n{self.answer}\n", "")


def test_a_python_is_asked_once_under_either_of_its_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRun()
    monkeypatch.setattr(process, "run", fake)
    for python in (SHIM, REAL, SHIM):
        answer = ExistingSource(Home(tmp_path), environ={}).ask(python, {"numpy": "numpy"} if python == SHIM else {})
        assert (answer.executable, answer.version, answer.frameworks) == (REAL, "3.12.7", ("numpy",))
    assert len(fake.asked) == 1
    assert fake.asked[0][:3] == [str(SHIM), "-E", "-B"]


def test_what_was_not_asked_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeRun()
    monkeypatch.setattr(process, "run", fake)
    existing = ExistingSource(Home(tmp_path), environ={})
    existing.ask(REAL, {})
    existing.ask(REAL, {"torch": "torch"})
    assert len(fake.asked) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "does not answer as a python does"),
        ("[1]", "does not answer as a python does"),
        (process.StartError(13, "Permission denied"), "cannot be started: Permission denied"),
    ],
)
def test_what_is_no_python_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str | OSError, words: str
) -> None:
    monkeypatch.setattr(process, "run", FakeRun(answer))
    with pytest.raises(ProvisionError, match=words) as caught:
        ExistingSource(Home(tmp_path), environ={}).ask(REAL, {})
    assert caught.value.__cause__ is not None
