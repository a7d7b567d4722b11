"""Which python carries a stack; uv and every python are fakes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from mambench.environments.pypi.pythons import BasePython, Pythons
from mambench.environments.pypi.uv import Uv
from mambench.errors import NetworkError
from mambench.system import process
from mambench.system.home import Home

NONE = process.Finished(2, "", "no interpreter")
Make = Callable[..., tuple[Pythons, list[list[str]]]]


def finished(stdout: str) -> process.Finished:
    return process.Finished(0, stdout, "")


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(*answers: process.Finished, spare: Path | None = None) -> tuple[Pythons, list[list[str]]]:
        left, commands = list(answers), []  # type: ignore[var-annotated]

        def run(command: list[str], **_options: object) -> process.Finished:
            if command[1:] == ["--version"]:
                return finished("uv 0.13.9")
            commands.append(command)
            return left.pop(0)

        monkeypatch.setattr(process, "run", run)
        uv = Uv(Path("uv"), Home(tmp_path), platform="linux-64", environ={}, offline=False)
        return Pythons(uv, spare=spare), commands

    return made


def test_the_python_we_run_on_is_taken_where_it_fits(make: Make) -> None:
    pythons, commands = make()
    python = pythons.find(">=3.0")
    assert python is not None and python.executable.exists() and python.version.startswith("3.")
    assert commands == []


def test_a_frozen_program_runs_on_none_and_asks_each_once(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    pythons, commands = make(finished("/usr/bin/python3.12\n"), finished("3.12.7\n"))
    for _ in range(11):
        assert pythons.find(">=3.11") == BasePython(Path("/usr/bin/python3.12"), "3.12.7")
    assert len(commands) == 2


def test_where_uv_finds_none_the_spare_one_is_taken_if_it_fits(make: Make) -> None:
    pythons, _ = make(NONE, finished("2.7.18"), spare=Path("/spare"))
    assert pythons.find("==2.7.*") == BasePython(Path("/spare"), "2.7.18")
    assert make(NONE, finished("2.6.9"), spare=Path("/other"))[0].find("==2.5.*") is None


def test_a_python_that_was_fetched_is_found(make: Make) -> None:
    pythons, commands = make(NONE, finished(""), finished("/p"), finished("2.7.18"))
    assert pythons.find("==2.7.*") is None
    assert pythons.fetch("==2.7.*", lambda: None) == BasePython(Path("/p"), "2.7.18")
    assert commands[1][1:] == ["python", "install", "--no-bin", "==2.7.*"]


def test_one_that_could_not_be_downloaded_names_a_mirror(make: Make) -> None:
    pythons, _ = make(process.Finished(1, "", "error: Failed to fetch: https://example.org/p\n  cause: dns error"))
    with pytest.raises(NetworkError, match=r"no python ==2\.7\.\* is on this machine") as caught:
        pythons.fetch("==2.7.*", lambda: None)
    assert "UV_PYTHON_INSTALL_MIRROR" in caught.value.remedy
