"""The command line: its words, its usage errors, and the exit code of every ending."""

from __future__ import annotations

import argparse
import builtins
import inspect
import io
import logging
import re
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from builders import a_report, a_trial

import mambench
from mambench import errors
from mambench.app import doctor
from mambench.app.findings import Finding
from mambench.cli import invocation
from mambench.cli import main as cli
from mambench.cli.commands import doctor as doctor_command
from mambench.cli.commands import env, slurm, wizard
from mambench.cli.commands import list as list_command
from mambench.cli.commands.env import VERBS, remove
from mambench.cli.ending import exit_code
from mambench.cli.parser import COMMANDS, parser
from mambench.errors import Interrupted, MambenchError
from mambench.model import Failure, Result, RowWarning, Status, WarningKind
from mambench.system import log, places
from mambench.terminal.console import Terminal


def parsed(*words: str) -> argparse.Namespace:
    return parser().parse_args(words)


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
    arguments = parsed("run", *words)
    report = a_report(results=tuple(results))
    assert exit_code(report, environments=arguments.environments, dtypes=arguments.dtype) == code


def test_a_disturbed_row_is_not_ok_where_noise_shall_fail() -> None:
    noisy = replace(OK, warnings=(RowWarning(WarningKind.STEAL, percent=12.0),))
    named = {"environments": ("numpy-openblas",), "dtypes": ()}
    assert exit_code(a_report(results=(noisy,)), **named) == 0
    assert exit_code(a_report(results=(noisy,)), **named, fail_on_noise=True) == 4
    assert exit_code(a_report(results=(OK,)), **named, fail_on_noise=True) == 0


def ended(monkeypatch: pytest.MonkeyPatch, ending: BaseException | int, *words: str) -> int:
    def dispatch(_arguments: argparse.Namespace, _terminal: Any, _home: Any) -> int:
        if isinstance(ending, BaseException):
            raise ending
        return ending

    monkeypatch.setattr(invocation, "_dispatch", dispatch)
    return cli.main(words or ["list"])


def every_error(root: type[MambenchError] = MambenchError) -> list[type[MambenchError]]:
    """Those of errors.py; what a module derives for itself has its parent's code."""
    children = (child for child in root.__subclasses__() if child.__module__ == errors.__name__)
    return [root, *(error for child in children for error in every_error(child))]


CODES = {"MambenchError": 1, "UsageError": 2, "ManifestError": 2, "ProtocolError": 1, "ReportError": 5, "HomeError": 5}
CODES |= {"HomeGone": 5, "NothingMeasured": 3, "ProvisionError": 4, "NetworkError": 4, "PathError": 4}
CODES |= {"UnavailableError": 4, "SlurmError": 3}


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_every_error_has_the_exit_code_of_the_design(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, kind: type[MambenchError]
) -> None:
    error = kind("source", "it broke") if kind is errors.UnavailableError else kind("it broke", remedy="fix it")
    assert ended(monkeypatch, error, "list", "--home", str(tmp_path)) == CODES[kind.__name__]
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
    assert "no log could be written, --verbose" in capsys.readouterr().err


def test_a_command_may_give_its_own_code(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ended(monkeypatch, 7, "env", "exec", "numpy-mkl", "--", "false") == 7


def test_the_end_of_input_is_no(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(""))
    assert not Terminal().confirm("Go on?")


@pytest.mark.parametrize(("finding", "code"), [("ok", 0), ("note", 0), ("wrong", 4)])
def test_a_doctor_that_finds_something_wrong_is_4(monkeypatch: pytest.MonkeyPatch, finding: Any, code: int) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_things, **_options: [Finding("disk", finding, "full")])
    app: Any = SimpleNamespace(terminal=Terminal())
    assert doctor_command.run(app, parsed("doctor", "--channel", "x")) == code


# ------------------------------------------------------------------------------------------------- its log


def log_of(folder: Path) -> str:
    (file,) = (folder / "logs").iterdir()
    return file.read_text()


SECRET = "https://jane:s3cret@example.org/t/T0KEN/get/chan"


def test_the_log_tells_causes_and_no_login(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cause = OSError(f"Max retries exceeded with url: /t/T0KEN/get/chan/noarch/repodata.json, from {SECRET}")
    error = errors.ProvisionError("it broke")
    error.__cause__ = cause
    assert ended(monkeypatch, error, "doctor", "--channel", SECRET, "--home", str(tmp_path)) == 4
    written = log_of(tmp_path)
    assert "OSError: Max retries exceeded" in written and "ProvisionError: it broke" in written
    assert "example.org" in written and "exit code 4" in written
    assert "s3cret" not in written and "T0KEN" not in written
    (file,) = (tmp_path / "logs").iterdir()
    assert file.name in "".join(capsys.readouterr().err.split())


def test_verbose_shows_the_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert ended(monkeypatch, 0, "list", "--verbose", "--home", str(tmp_path)) == 0
    assert "exit code 0" in capsys.readouterr().err
    ended(monkeypatch, 0, "--verbose", "list", "--home", str(tmp_path))
    assert "exit code 0" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [0, errors.UsageError("no"), errors.ReportError("full"), Interrupted(2)])
def test_a_command_that_looks_leaves_no_log(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, ending: BaseException | int
) -> None:
    ended(monkeypatch, ending, "list", "--home", str(tmp_path / "home"))
    assert not (tmp_path / "home").exists()


def test_a_command_that_works_leaves_one_as_soon_as_there_is_a_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ended(monkeypatch, 0, "run", "a", "--home", str(tmp_path))
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "logs").mkdir()
    ended(monkeypatch, 0, "run", "a", "--home", str(tmp_path))
    assert "arguments: ['run', 'a'" in log_of(tmp_path)


def test_logs_are_few_and_short(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(log, "LARGEST_BYTES", 1000)
    for number in range(2 * log.KEPT_FILES):
        (tmp_path / f"20260101T0000{number:02d}Z-run-{places.computer()}-1.log").write_text("old")
        (tmp_path / f"20260101T0000{number:02d}Z-run-other-1.log").write_text("of another computer")
    (tmp_path / "numpy-1234.log").write_text("a package manager's")
    with log.opened("run", keep=True, verbose=False) as file:
        file.folder = tmp_path
        for _ in range(3):
            logging.getLogger("mambench.anything").info("x" * 500)
    assert file.path is not None and file.path.stat().st_size < log.LARGEST_BYTES + 100
    assert "ends here" in file.path.read_text()[-100:]
    assert len(list(tmp_path.iterdir())) == log.KEPT_FILES + 1 + 2 * log.KEPT_FILES
    assert log.latest(tmp_path) == file.path


# ------------------------------------------------------------------------------------------------- usage


@pytest.mark.promise("files")
@pytest.mark.parametrize(
    "words",
    [
        *("report", "compare", "results show", "new stack", "new benchmark"),
        pytest.param(
            "list --home",
            marks=pytest.mark.skipif(sys.platform == "win32", reason="there it is a home that is not there yet"),
        ),
    ],
)
def test_a_name_that_no_file_can_have_is_told(
    words: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMBENCH_HOME", str(tmp_path))
    too_long = "a" * 300
    names = [too_long, too_long] if words == "compare" else [too_long]
    assert cli.main([*words.split(), *names]) in (2, 3, 5)
    assert too_long in "".join(capsys.readouterr().err.split())


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
        ["run", "a", "--siz", "64"],
        ["list", "--js"],
        ["env", "create", "a", "--off"],
    ],
)
def test_a_wrong_command_line_is_2_and_says_how_it_goes(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 2
    said = capsys.readouterr()
    assert said.err.startswith("usage: mambench")
    assert said.out == ""


def test_options_stand_several_times_or_take_commas() -> None:
    arguments = parsed("run", "a", "b", "--size", "64,128", "--size", "256", "--dtype", "float32,")
    assert arguments.environments == ["a", "b"]
    assert arguments.size == ["64", "128", "256"]
    assert arguments.dtype == ["float32"]


def test_a_comma_in_a_channel_is_part_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "a,b"
    folder.mkdir()
    channels = ["https://h/x,y", str(folder), "c", "d"]
    for command in ("run a", "env create a", "doctor"):
        words = ["--channel", "https://h/x,y", "--channel", f"{folder},c,d"]
        assert parsed(*command.split(), *words).channel == channels
    assert parsed("run", "a").channel == []


def test_one_command_line_leaves_nothing_to_the_next() -> None:
    whole = parser()
    whole.parse_args(["run", "a", "--size", "64"])
    assert whole.parse_args(["run", "a"]).size == []


def test_the_defaults_of_run_are_those_of_the_design() -> None:
    arguments = parsed("run", "a")
    assert choices("a").preset == "standard"
    assert (arguments.source, arguments.rounds, arguments.json) == ("auto", None, None)
    assert not (arguments.offline or arguments.yes or arguments.quiet or arguments.all)


def test_a_command_of_the_users_own_keeps_its_options() -> None:
    arguments = parsed("env", "exec", "numpy-mkl", "--", "python", "-c", "print(1)", "--json")
    assert [word for word in arguments.command_line if word != "--"] == ["python", "-c", "print(1)", "--json"]


def test_home_may_stand_after_the_command() -> None:
    assert parsed("list", "--home", "/x").home == "/x"


@pytest.mark.parametrize("command", [*COMMANDS, *VERBS, *slurm.VERBS], ids=lambda module: module.__name__)
def test_a_command_is_its_arguments_and_what_it_does(command: ModuleType) -> None:
    assert callable(command.add)
    assert command in (env, slurm) or list(inspect.signature(command.run).parameters)[0] == "app"


def test_every_command_knows_its_function_and_its_name() -> None:
    assert (parsed().call, parsed().name) == (wizard.run, "wizard")
    assert (parsed("list").call, parsed("list").name) == (list_command.run, "list")
    verb = parsed("env", "remove", "a")
    assert (verb.call, verb.name, verb.keeps_log, verb.makes_environments) == (remove.run, "env-remove", True, False)
    assert parsed("env", "create", "a").makes_environments and parsed("run", "a").keeps_log


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["env", "--help"], ["env", "exec", "--help"]])
def test_help_names_an_example(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(words) == 0
    assert "example" in capsys.readouterr().out


def test_help_prints_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert [int(code) for code in errors.ExitCode] == [0, 1, 2, 3, 4, 5, 6, 129, 130, 143]
    cli.main(["--help"])
    told = capsys.readouterr().out
    assert [
        code for code in errors.ExitCode if not re.search(rf"^ +{code:d} +{re.escape(code.words)}$", told, re.M)
    ] == []


# --------------------------------------------------------------------------------------------- run's words


def choices(*words: str) -> Any:
    from mambench.cli.choices import choices_from

    return choices_from(parsed("run", *words))


def test_gpus_are_named_all_or_by_their_numbers() -> None:
    assert choices("torch-cuda", "--gpus", "all").devices == ("cuda", "metal")
    assert choices("torch-cuda", "--gpus", "0,1", "--device", "cpu").devices == ("cpu", "cuda:0", "cuda:1")
    with pytest.raises(errors.UsageError, match="all, or numbers of GPUs"):
        choices("torch-cuda", "--gpus", "first")


def test_the_words_of_run_become_choices() -> None:
    chosen = choices("a", "--size", "64,128", "--threads", "2", "--rounds", "5", "--timeout", "1.5", "--offline")
    assert (chosen.environments, chosen.sizes, chosen.threads) == (("a",), (64, 128), (2,))
    assert (chosen.rounds, chosen.timeout_seconds, chosen.offline) == (5, 1.5, True)


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "0"],
        ["--size", "-5"],
        ["--size", "1e3"],
        ["--size", "²"],
        ["--size", "10000000000000"],
        ["--shape", "64x"],
        ["--shape", "64x0x64"],
        ["--batch", "0"],
        ["--param", "layers"],
        ["--param", "layers=many"],
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
    from mambench.cli.commands.run import run

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
