"""The command line: its words, its usage errors, and the exit code of every ending."""

from __future__ import annotations

import argparse
import builtins
import re
from pathlib import Path
from typing import Any

import pytest
from builders import a_report, a_trial

import mambench
from mambench import cli, errors
from mambench.errors import Interrupted, MambenchError
from mambench.model import Failure, Result, Status


def parsed(*words: str) -> argparse.Namespace:
    return cli._parser().parse_args(words)


# -------------------------------------------------------------------------------------------- exit codes


def row(stack: str, status: Status = "ok", reason: str = "", dtype: str = "float64") -> Result:
    failure = Failure(status, reason, "why") if reason else None
    return Result(a_trial(stack, dtype=dtype), status, failure=failure)


OK = row("numpy-openblas@pypi")
CRASHED = row("torch-cpu@pypi", "failed", "crashed")
NO_GPU = row("torch-cuda", "unavailable", "no_device")
NO_TF32 = row("numpy-openblas@pypi", "unavailable", "dtype", "tf32")
TOO_BIG = row("numpy-openblas@pypi", "unavailable", "memory")
NOT_MADE = row("numpy-openblas", "failed", "provision")
MINE = row("existing:mine", "unavailable", "memory")


@pytest.mark.parametrize(
    ("words", "results", "code"),
    [
        (["numpy-openblas"], [OK], 0),
        (["--all"], [OK, NO_GPU], 0),
        (["numpy-openblas", "--all"], [OK, NO_GPU], 0),
        (["numpy-openblas"], [OK, NO_TF32], 0),
        (["--all"], [OK, TOO_BIG], 0),
        (["numpy-openblas", "--dtype", "tf32,float64"], [OK, NO_TF32], 4),
        (["torch-cuda", "--all"], [OK, NO_GPU], 4),
        (["numpy-openblas"], [OK, TOO_BIG], 4),
        (["torch-cpu", "numpy-openblas"], [OK, CRASHED], 4),
        (["--all"], [OK, CRASHED], 4),
        (["--python", "mine=/x"], [OK, MINE], 4),
        (["numpy-openblas"], [CRASHED], 3),
        (["--all"], [NO_GPU, NO_TF32], 3),
        (["numpy-openblas"], [NOT_MADE], 3),
        (["numpy-openblas"], [], 3),
    ],
)
def test_the_exit_code_follows_from_the_rows(words: list[str], results: list[Result], code: int) -> None:
    assert cli.exit_code(a_report(results=tuple(results)), parsed("run", *words)) == code


def ended(monkeypatch: pytest.MonkeyPatch, ending: BaseException | int, *words: str) -> int:
    def dispatch(_arguments: argparse.Namespace, _terminal: Any) -> int:
        if isinstance(ending, BaseException):
            raise ending
        return ending

    monkeypatch.setattr(cli, "_dispatch", dispatch)
    return cli.main(words or ["list"])


def every_error(root: type[MambenchError] = MambenchError) -> list[type[MambenchError]]:
    return [root, *(error for child in root.__subclasses__() for error in every_error(child))]


CODES = {"UsageError": 2, "ManifestError": 2, "NothingMeasured": 3, "ReportError": 5, "HomeError": 5}


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_the_exit_code_of_the_design(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[MambenchError]
) -> None:
    error = kind("source", "it broke") if kind is errors.UnavailableError else kind("it broke", remedy="mend it")
    assert ended(monkeypatch, error) == CODES.get(kind.__name__, 1)
    said = capsys.readouterr()
    assert "it broke" in said.err
    assert said.out == ""
    assert "Traceback" not in said.err


@pytest.mark.parametrize(("signum", "code"), [(2, 130), (15, 143), (1, 129)])
def test_a_signal_gives_the_code_of_a_shell(monkeypatch: pytest.MonkeyPatch, signum: int, code: int) -> None:
    assert ended(monkeypatch, Interrupted(signum)) == code


def test_a_bare_keyboard_interrupt_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, KeyboardInterrupt()) == 130


def test_a_fault_of_ours_is_one_line_and_a_traceback_in_the_home(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ended(monkeypatch, ZeroDivisionError("a fault"), "list", "--home", str(tmp_path)) == 1
    said = capsys.readouterr().err
    assert len(said.splitlines()) == 1
    (log,) = (tmp_path / "logs").iterdir()
    assert str(log) in said
    assert "ZeroDivisionError: a fault" in log.read_text()


def test_a_fault_where_nothing_can_be_written_is_still_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert ended(monkeypatch, ZeroDivisionError("a fault"), "list", "--home", str(tmp_path / "file")) == 1
    assert "could not be written" in capsys.readouterr().err


def test_a_command_may_give_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, 7, "env", "exec", "numpy-mkl", "--", "false") == 7


# ------------------------------------------------------------------------------------------------- usage


@pytest.mark.parametrize(
    "words",
    [
        ["runn"],
        ["run", "--nonsense"],
        ["run", "numpy-mkl", "--size"],
        ["list", "extra"],
        ["env"],
        ["env", "destroy"],
        ["env", "create"],
        ["env", "path"],
    ],
)
def test_a_wrong_command_line_is_2_and_says_how_it_goes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 2
    said = capsys.readouterr()
    assert said.err.startswith("usage: mambench")
    assert said.out == ""


def test_options_stand_several_times_or_take_commas() -> None:
    found = parsed("run", "a", "b", "--size", "64,128", "--size", "256", "--dtype", "float32,")
    assert found.environments == ["a", "b"]
    assert found.size == ["64", "128", "256"]
    assert found.dtype == ["float32"]


def test_a_comma_in_a_channel_is_part_of_it() -> None:
    assert parsed("run", "a", "--channel", "https://h/x,y", "--channel", "/a,b").channel == ["https://h/x,y", "/a,b"]
    assert parsed("run", "a").channel == []


def test_one_command_line_leaves_nothing_to_the_next() -> None:
    parser = cli._parser()
    parser.parse_args(["run", "a", "--size", "64"])
    assert parser.parse_args(["run", "a"]).size == []


def test_the_defaults_of_run_are_those_of_the_design() -> None:
    found = parsed("run", "a")
    assert (found.preset, found.source, found.rounds, found.json) == ("standard", "auto", None, None)
    assert not (found.offline or found.yes or found.quiet or found.all)


def test_a_command_of_the_users_own_keeps_its_options() -> None:
    found = parsed("env", "exec", "numpy-mkl", "--", "python", "-c", "print(1)", "--json")
    assert [word for word in found.command_line if word != "--"] == ["python", "-c", "print(1)", "--json"]


def test_home_may_stand_after_the_command() -> None:
    assert parsed("list", "--home", "/x").home == "/x"


def test_every_command_names_a_function_that_exists() -> None:
    import importlib

    called = re.findall(r'"((?:run|inform|env)\.[a-z_]+)"', Path(cli.__file__).read_text(encoding="utf-8"))
    assert len(called) >= 7
    for call in called:
        module, _, function = call.partition(".")
        assert callable(getattr(importlib.import_module(f"mambench.commands.{module}"), function))


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["env", "--help"], ["env", "exec", "--help"]])
def test_help_names_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(words)
    assert caught.value.code == 0
    assert "example" in capsys.readouterr().out


# --------------------------------------------------------------------------------------------- run's words


def choices(*words: str) -> Any:
    from mambench.commands.run import choices_from

    return choices_from(parsed("run", *words))


def test_the_words_of_run_become_choices() -> None:
    found = choices("a", "--size", "64,128", "--threads", "2", "--rounds", "5", "--timeout", "1.5", "--offline")
    assert (found.environments, found.sizes, found.threads) == (("a",), (64, 128), (2,))
    assert (found.rounds, found.timeout_seconds, found.offline) == (5, 1.5, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "0"],
        ["--size", "-5"],
        ["--size", "1e3"],
        ["--size", "²"],
        ["--size", "10000000"],
        ["--threads", "0"],
        ["--rounds", "none"],
        ["--rounds", "0"],
        ["--timeout", "0"],
        ["--timeout", "-1"],
        ["--timeout", "nan"],
        ["--timeout", "inf"],
        ["--timeout", "soon"],
    ],
)
def test_a_number_that_is_none_names_its_option(words: list[str]) -> None:
    with pytest.raises(errors.UsageError, match=words[0]):
        choices("a", *words)


def test_run_without_a_name_points_at_list_and_all() -> None:
    from mambench.commands.run import run

    with pytest.raises(errors.UsageError) as caught:
        run(None, parsed("run"))  # type: ignore[arg-type]
    assert "mambench list" in caught.value.remedy
    assert "--all" in caught.value.remedy


# ----------------------------------------------------------------------------------------------- version


def test_the_version_is_told_without_loading_anything(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded: list[str] = []
    real = builtins.__import__

    def note(name: str, *arguments: Any, **options: Any) -> Any:
        loaded.append(name)
        return real(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", note)
    assert cli.main(["--version"]) == 0
    assert [name for name in loaded if name.startswith(("mambench", "rich"))] == []
    assert capsys.readouterr().out == f"mambench {mambench.__version__}\n"
