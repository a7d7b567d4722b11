"""uv: its command lines, which versions fit, what it sees of the user's variables."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from mambench.environments.pypi.uv import Uv, fits
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import PypiRecipe
from mambench.system import process
from mambench.system.home import Home


@pytest.mark.parametrize(
    ("version", "specifier", "expected"),
    [
        ("3.10.2", ">=3.10,<3.14", True),
        ("3.13.9", ">=3.10,<3.14", True),
        ("3.14.0", ">=3.10,<3.14", False),
        ("3.9.20", ">=3.10,<3.14", False),
        ("3.12.7", "~=3.12", True),
        ("3.13.0", "~=3.12.4", False),
        ("3.12.7", "==3.12.*", True),
        ("3.12.7", ">=3.12.3", True),
        ("3.9.1", ">=3.9.2", False),
        ("3.12.7", "!=3.12.*", False),
        ("3.14.0rc2", ">=3.14.0rc1", True),
        ("3.12.7", "", True),
    ],
)
def test_a_python_fits_as_pep_440_has_it(version: str, specifier: str, expected: bool) -> None:
    assert fits(version, specifier) is expected


def a_uv(tmp_path: Path, *, offline: bool = False, **environ: str) -> Uv:
    return Uv(Path("uv"), Home(tmp_path), platform="linux-64", environ=environ, offline=offline)


def test_uv_keeps_everything_in_the_home(tmp_path: Path) -> None:
    child = a_uv(tmp_path, UV_CACHE_DIR="/outside", HOME="/outside", XDG_DATA_HOME="/outside").child_environ()
    for name in ("UV_CACHE_DIR", "UV_PYTHON_INSTALL_DIR", "HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "TMPDIR"):
        assert Path(child[name]).is_relative_to(tmp_path), name
    assert child["UV_NO_CONFIG"] == "1"
    assert "UV_OFFLINE" not in child


def test_uv_hears_where_packages_come_from_and_nothing_that_changes_which(tmp_path: Path) -> None:
    kept = {
        "UV_DEFAULT_INDEX": "https://me:secret@example.org",
        "UV_INDEX_MIRROR_PASSWORD": "secret",
        "UV_PYTHON_INSTALL_MIRROR": "https://example.org/pythons",
        "UV_SYSTEM_CERTS": "1",
    }
    names = (
        "UV_PRERELEASE", "UV_RESOLUTION", "UV_EXCLUDE_NEWER", "UV_OVERRIDE", "UV_CONSTRAINT", "UV_PYTHON",
        "UV_TORCH_BACKEND", "UV_NO_VERIFY_HASHES", "UV_COMPILE_BYTECODE", "UV_PUBLISH_TOKEN", "UV_FORK_STRATEGY",
        "UV_EXCLUDE", "UV_CONFIG_FILE", "UV_WORKING_DIR", "UV_WORKING_DIRECTORY", "UV_PROJECT", "UV_OFFLINE",
        "UV_HTTP_TIMEOUT", "UV_HTTP_RETRIES", "UV_BUILD_CONSTRAINT", "UV_LINK_MODE", "UV_NO_BINARY", "UV_ENV_FILE",
        "PYTHONPATH", "PIP_INDEX_URL",
    )  # fmt: skip
    dropped = dict.fromkeys(names, "1")
    program = a_uv(tmp_path, **kept, **dropped)
    child = program.child_environ()
    assert {name: child.get(name) for name in kept} == kept
    assert not dropped.items() & child.items()
    assert (child["UV_HTTP_TIMEOUT"], child["UV_HTTP_RETRIES"]) == ("15", "2"), "a minute of silence at the most"
    assert program.shown_settings().items() >= {
        ("UV_DEFAULT_INDEX", "https://***@example.org"), ("UV_INDEX_MIRROR_PASSWORD", "***"), ("UV_SYSTEM_CERTS", "1"),
    }  # fmt: skip
    assert "secret" not in str(program.shown_settings())


def test_pips_settings_reach_uv(tmp_path: Path) -> None:
    assert a_uv(tmp_path, PIP_INDEX_URL="https://example.org/p").child_environ()["UV_DEFAULT_INDEX"].endswith("/p")


def test_offline_reaches_uv(tmp_path: Path) -> None:
    assert a_uv(tmp_path, offline=True).child_environ()["UV_OFFLINE"] == "1"


class FakeRun:
    """process.run that answers from a list and keeps the commands; it is a uv of the right version."""

    def __init__(self, *answers: process.Finished | OSError, version: str = "uv 0.13.9 (a platform)") -> None:
        self.answers, self.commands, self.version = list(answers), [], version  # type: ignore[var-annotated]

    def __call__(self, command: list[str], **_options: Any) -> process.Finished:
        if command[1:] == ["--version"]:
            return process.Finished(0, self.version, "")
        self.commands.append(command)
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return answer


DNS = "error: Failed to fetch: https://example.org/\n  cause: dns error\n"
NO_SOLUTION = "error: No solution found\n  cause: there is no version of numpy==9\n"


def compiled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: FakeRun, *, environ: Any = None, **recipe: Any
) -> list[str]:
    monkeypatch.setattr(process, "run", run)
    (tmp_path / "pylock.toml").write_text("[[packages]]")
    a_uv(tmp_path, **(environ or {})).compile(
        PypiRecipe(">=3.10", ("torch==2.13.0",), **recipe),
        python=Path("python"),
        folder=tmp_path,
        log=tmp_path / "log",
        torch_index=True,
        on_tick=lambda: None,
    )
    return [str(word) for word in run.commands[0]]


def test_a_resolution_is_dated_and_takes_wheels_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = compiled(
        tmp_path, monkeypatch, FakeRun(process.Finished(0, "", "")), exclude_newer="2026-11-15", torch_backend="cpu"
    )
    text = " ".join(command)
    for option in ("--exclude-newer 2026-11-15", "--torch-backend cpu", "--only-binary :all:", "--format pylock.toml"):
        assert option in text
    assert (tmp_path / "requirements.in").read_text() == "torch==2.13.0\n"


@pytest.mark.parametrize(("told", "asked"), [({}, False), ({"PIP_NO_INDEX": "1"}, True), ({"UV_NO_INDEX": "1"}, True)])
def test_no_index_is_an_option_as_uv_has_no_variable_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: dict[str, str], asked: bool
) -> None:
    command = compiled(tmp_path, monkeypatch, FakeRun(process.Finished(0, "", "")), environ=told)
    assert ("--no-index" in command) is asked


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (process.Finished(1, "", DNS), NetworkError, "DNS lookup failed"),
        (process.Finished(2, "", NO_SOLUTION), ProvisionError, "no version of numpy==9"),
        (process.Finished(-9, "", "", timed_out=True), NetworkError, "did not end"),
        (process.StartError(13, "Permission denied"), ProvisionError, "cannot start uv"),
    ],
)
def test_a_resolution_that_fails_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        compiled(tmp_path, monkeypatch, FakeRun(answer))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (process.Finished(0, "uv 0.4.1 (abc 2024-08-30)", ""), "uv 0.4.1 at uv is not a version"),
        (process.Finished(0, "uv 0.14.0", ""), "uv 0.14.0 at uv is not a version"),
        (process.Finished(0, "hello", ""), "does not answer as uv does"),
        (process.Finished(-11, "", ""), "SIGSEGV"),
        (process.StartError(13, "Permission denied"), "cannot start uv: Permission denied"),
    ],
)
def test_a_uv_that_cannot_be_used_is_refused_before_it_is_asked_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, words: str
) -> None:
    def run(command: list[str], **_options: Any) -> process.Finished:
        assert command == ["uv", "--version"]
        if isinstance(answer, OSError):
            raise answer
        return answer  # type: ignore[no-any-return]

    monkeypatch.setattr(process, "run", run)
    with pytest.raises(UnavailableError, match=words) as caught:
        a_uv(tmp_path).make_venv(tmp_path / "x", python=Path("python"), log=tmp_path / "log")
    assert "MAMBENCH_UV" in caught.value.remedy


@pytest.mark.skipif(sys.platform == "win32", reason="there a current folder cannot be deleted")
def test_uv_runs_where_the_person_stands_and_in_the_home_when_that_folder_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folders = []
    monkeypatch.setattr(
        process, "run", lambda *_command, cwd, **_options: folders.append(cwd) or process.Finished(0, "", "")
    )
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    uv = a_uv(tmp_path)
    uv.ask(["uv", "standing"])
    folder.rmdir()
    uv.ask(["uv", "gone"])
    assert folders == [None, Home(tmp_path).temporary]
