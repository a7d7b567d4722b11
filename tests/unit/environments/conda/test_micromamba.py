"""micromamba's command lines and answers; process.run is a fake, no program is started."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mambench.environments.conda.micromamba import Micromamba
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.system import process
from mambench.system.home import Home

RECORD = {"name": "toy", "version": "1", "url": "https://example.org/linux-64/toy-1-0.conda", "sha256": "aa"}
SOLVED = json.dumps({"actions": {"LINK": [RECORD], "FETCH": [{"name": "toy"}]}})


class FakeRun:
    """Answers one after the other; it keeps command lines, environments and what a file of logins held."""

    def __init__(self, *answers: process.Finished | OSError) -> None:
        self.answers = list(answers)
        self.commands: list[list[str]] = []
        self.environs: list[dict[str, str]] = []
        self.logins = ""

    def __call__(self, command: list[str], *, environ: dict[str, str], **options: Any) -> process.Finished:
        self.commands.append(command)
        self.environs.append(environ)
        if "NETRC" in environ:
            self.logins = Path(environ["NETRC"]).read_text()
        answer = self.answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        if options.get("log"):
            options["log"].parent.mkdir(parents=True, exist_ok=True)
            options["log"].write_text(answer.stderr)
        return answer


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    made.prepare()
    return made


Make = Callable[..., tuple[Micromamba, FakeRun]]


@pytest.fixture
def make(home: Home, monkeypatch: pytest.MonkeyPatch) -> Make:
    def made(*answers: process.Finished | OSError, **options: Any) -> tuple[Micromamba, FakeRun]:
        fake = FakeRun(*answers)
        monkeypatch.setattr(process, "run", fake)
        chosen = {"environ": {}, "cuda_version": None, **options}
        return Micromamba(home.tools / "micromamba", home, platform="linux-64", **chosen), fake

    return made


def finished(stdout: str = "", stderr: str = "", code: int = 0, **more: Any) -> process.Finished:
    return process.Finished(code, stdout, stderr, **more)


def solve(tool: Micromamba, home: Home, *channels: str) -> Any:
    return tool.solve(["toy=1"], channels or ("conda-forge",), log=home.logs / "x.log", on_tick=lambda: None)


def test_a_solution_is_read_whatever_stands_before_it(make: Make, home: Home) -> None:
    tool, fake = make(finished("Confirm changes: [Y/n]\n" + SOLVED))
    solution = solve(tool, home, "https://example.org/a", "b")
    assert [record["name"] for record in solution.records] == ["toy"]
    assert solution.missing == {"toy"}
    (command,) = fake.commands
    assert command[command.index("-c") :] == ["-c", "https://example.org/a", "-c", "b", "--json"]
    assert {"--dry-run", "--override-channels", "--no-rc"} <= set(command)


def test_everything_stays_in_the_home_and_nothing_of_the_users_settings_comes_in(make: Make, home: Home) -> None:
    environ = {"CONDA_PREFIX": "/x", "MAMBA_ROOT_PREFIX": "/x", "PYTHONPATH": "/x", "HTTPS_PROXY": "http://p"}
    tool, fake = make(finished(SOLVED), environ=environ, cuda_version="12.8")
    solve(tool, home)
    child = fake.environs[0]
    assert not {"CONDA_PREFIX", "MAMBA_ROOT_PREFIX", "PYTHONPATH"} & child.keys()
    assert (child["HTTPS_PROXY"], child["CONDA_OVERRIDE_CUDA"]) == ("http://p", "12.8")
    assert child["HOME"].startswith(str(home.root))


def test_logins_go_another_way_than_the_command_line(make: Make, home: Home) -> None:
    tool, fake = make(finished(SOLVED))
    solve(tool, home, "https://me:secret@example.org/channel")
    assert "secret" not in " ".join(fake.commands[0])
    assert '"secret"' in fake.logins
    assert not Path(fake.environs[0]["NETRC"]).exists()


def test_tokens_are_in_no_command_line(make: Make, home: Home) -> None:
    tool, fake = make(finished(SOLVED))
    solve(tool, home, "https://example.org/t/T0KEN/a", "https://me:secret@example.org/b", "conda-forge")
    assert "T0KEN" not in " ".join(fake.commands[0])
    assert not {"-c", "--override-channels"} & set(fake.commands[0])
    listed = '"https://example.org/t/T0KEN/a", "https://example.org/b", "conda-forge"'
    assert fake.environs[0]["CONDA_CHANNELS"] == listed


def test_a_solver_that_hides_its_reasons_is_asked_again(make: Make, home: Home) -> None:
    hidden = finished(json.dumps({"solver_problems": [], "success": False}), code=1)
    tool, fake = make(hidden, finished(stderr="toy =1 * does not exist (perhaps a typo)", code=1))
    with pytest.raises(ProvisionError, match="no package fits toy"):
        solve(tool, home)
    assert ["--json" in command for command in fake.commands] == [True, False]


def test_a_network_failure_is_told_as_one(make: Make, home: Home) -> None:
    tool, _ = make(finished(stderr="Download error (6) Could not resolve hostname [https://example.org/x]", code=1))
    with pytest.raises(NetworkError, match=r"DNS lookup failed for example\.org"):
        solve(tool, home)


def test_an_empty_index_is_no_reason_without_a_network(make: Make, home: Home) -> None:
    tool, fake = make(finished(stderr="toy does not exist (perhaps", code=1), offline=True)
    with pytest.raises(UnavailableError) as caught:
        solve(tool, home)
    assert caught.value.reason == "offline"
    assert "--offline" in fake.commands[0]


@pytest.mark.parametrize("stdout", ["", "hello", "[]", "{}", '{"actions": {"LINK": []}}'])
def test_an_answer_without_packages(make: Make, home: Home, stdout: str) -> None:
    tool, _ = make(finished(stdout))
    with pytest.raises(ProvisionError, match="names no package"):
        solve(tool, home)


def test_a_run_that_does_not_end(make: Make, home: Home) -> None:
    tool, _ = make(finished(code=-9, timed_out=True))
    with pytest.raises(NetworkError, match="did not end"):
        solve(tool, home)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (process.StartError(13, "Permission denied"), "noexec"),
        (process.StartError(8, "Exec format error"), "glibc"),
        (process.StartError(2, "No such file or directory"), "glibc"),
    ],
)
def test_a_program_in_the_home_that_cannot_run_is_no_full_disk(
    make: Make, home: Home, error: OSError, remedy: str
) -> None:
    error.filename = str(home.tools / "micromamba")
    tool, _ = make(error)
    with pytest.raises(ProvisionError) as caught:
        solve(tool, home)
    assert str(caught.value) == f"cannot start micromamba at {home.tools / 'micromamba'}: {error.strerror}"
    assert remedy in caught.value.remedy
    assert "free disk space" not in caught.value.remedy
    assert caught.value.__cause__ is error


def test_what_a_callback_raises_is_not_told_as_a_start_that_failed(make: Make, home: Home) -> None:
    error = BrokenPipeError(32, "Broken pipe")
    with pytest.raises(BrokenPipeError) as caught:
        solve(make(error)[0], home)
    assert caught.value is error


def test_a_home_that_cannot_be_written_is_told_as_that(make: Make, home: Home) -> None:
    home.mamba_root.write_text("a file in the way")
    tool, fake = make()
    with pytest.raises(ProvisionError, match="cannot write") as caught:
        solve(tool, home)
    assert "remove what is in the way" in caught.value.remedy
    assert fake.commands == []


def test_a_server_that_falls_silent_is_named(make: Make, home: Home) -> None:
    tool, _ = make(finished(code=-15, stalled=True))
    with pytest.raises(NetworkError, match=r"connection to example\.org timed out") as caught:
        solve(tool, home, "https://example.org/channel")
    assert "--source pypi" in caught.value.remedy


def test_its_version_is_the_first_line(make: Make) -> None:
    tool, _ = make(finished("2.8.1\nmore\n"))
    assert tool.version() == "2.8.1"


def test_a_program_that_dies_is_told_by_its_signal(make: Make) -> None:
    tool, _ = make(finished(code=-11))
    with pytest.raises(ProvisionError, match="SIGSEGV"):
        tool.version()


def test_a_prefix_is_made_from_the_lock(make: Make, home: Home, tmp_path: Path) -> None:
    tool, fake = make(finished(), finished(stderr="No space left on device", code=1))
    options: Any = {"prefix": tmp_path / "p", "log": home.logs / "x.log", "on_line": print, "on_tick": lambda: None}
    options["received_bytes"] = lambda: None
    tool.install(tmp_path / "environment.lock", ["conda-forge"], **options)
    assert fake.commands[0][-2:] == ["-f", str(tmp_path / "environment.lock")]
    with pytest.raises(ProvisionError, match="the disk is full"):
        tool.install(tmp_path / "environment.lock", ["conda-forge"], **options)


def test_the_systems_proxy_reaches_micromamba(make: Make, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"https": "http://proxy:1"})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host == "mirror")
    tool, fake = make(finished(SOLVED))
    solve(tool, home, "https://mirror/conda", "conda-forge")
    environ = fake.environs[0]
    assert (environ["https_proxy"], environ["no_proxy"]) == ("http://proxy:1", "mirror")
