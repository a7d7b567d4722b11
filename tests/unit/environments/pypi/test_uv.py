"""uv: which python fits, what its lock names, what its messages mean, what it sees of the user's variables."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mambench.environments.pypi import uv
from mambench.environments.pypi.bootstrap import TOOLS
from mambench.environments.pypi.messages import UndatedError, failure
from mambench.environments.pypi.pylock import packages_in, urls_in
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


def test_one_range_of_uv_everywhere() -> None:
    content = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())
    assert f"uv{uv.VERSIONS}" in content["project"]["dependencies"]
    assert TOOLS.conda is not None and f"uv{uv.VERSIONS}" in TOOLS.conda.packages


LOCK = """\
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11"

[[packages]]
name = "numpy"
version = "2.4.6"
index = "https://example.org/simple"
wheels = [{ url = "https://me:secret@example.org/numpy.whl", size = 123, hashes = { sha256 = "aa" } }]

[[packages]]
name = "source-only"
version = "1.0"
sdist = { url = "https://example.org/source.tar.gz", hashes = { sha256 = "bb" } }

[[packages]]
name = "torch"
version = "2.13.0+cpu"
archive = { path = "/wheels/torch 1.whl", hashes = { sha256 = "cc" } }

[[packages]]
name = "bare"
"""


def test_the_packages_of_a_lock_have_all_that_it_tells() -> None:
    numpy, source, torch, bare = packages_in(LOCK)
    assert (numpy.name, numpy.version, numpy.size_bytes, numpy.sha256) == ("numpy", "2.4.6", 123, "aa")
    assert numpy.channel == "https://example.org/simple"
    assert (source.url, source.size_bytes, source.sha256) == ("https://example.org/source.tar.gz", None, "bb")
    assert (torch.version, torch.url) == ("2.13.0+cpu", "file:///wheels/torch%201.whl")
    assert (bare.version, bare.url) == ("", None)


def test_packages_show_no_login_but_sizes_are_asked_with_it() -> None:
    assert packages_in(LOCK)[0].url == "https://***@example.org/numpy.whl"
    assert urls_in(LOCK) == [
        "https://me:secret@example.org/numpy.whl",
        "https://example.org/source.tar.gz",
        None,
        None,
    ]


def test_a_lock_without_packages_has_none() -> None:
    assert packages_in('lock-version = "1.0"') == ()


# ---------------------------------------------------------------------------------------------- messages

DNS = """\
error: Request failed after 3 retries in 12.8s
  cause: Failed to fetch: https://me:secret@example.org/simple/numpy/
  cause: client error (Connect)
  cause: dns error
  cause: failed to lookup address information: Name or service not known
"""
DNS_DRAWN = """\
warning: something before it
  × Failed to fetch: `https://me:secret@example.org/simple/numpy/`
  ├─▶ error sending request for url (https://example.org/simple/numpy/)
  ╰─▶ dns error: failed to lookup address information: Name or service not known
"""
REFUSED = """\
error: Failed to fetch: http://example.org/simple/numpy/
  cause: tcp connect error
  cause: Connection refused (os error 111)
"""
UNAVAILABLE = """\
error: Failed to fetch: http://example.org/simple/numpy/
  cause: HTTP status server error (503 Service Unavailable) for url (http://example.org/simple/numpy/)
"""
RESET = """\
error: Failed to download `numpy==2.4.6`
  cause: error decoding response body
  cause: connection reset by peer (os error 104)
"""
UNKNOWN = """\
  × No solution found when resolving dependencies:
  ╰─▶ Because nosuch was not found in the package registry and you require nosuch==1, we can conclude that
      your requirements are unsatisfiable.
"""
NO_SOLUTION = """\
error: No solution found when resolving dependencies
  cause: Because there is no version of numpy==9 and you require numpy==9, we can conclude that your
      requirements are unsatisfiable.
"""
NOT_FOUND = """\
error: Failed to fetch: http://example.org/simple/numpy.whl
  cause: HTTP status client error (404 Not Found) for url (http://example.org/simple/numpy.whl)
"""
DISK_FULL = """\
error: Failed to prepare distributions
  cause: failed to write to file `/x`: No space left on device (os error 28)
"""
UNDATED = """\
warning: `toy-1.0-py3-none-any.whl` is missing an upload date, but user provided: 2026-11-16T00:00:00Z
error: No solution found when resolving dependencies
  cause: Because toy==1.0 has no publish time and you require toy==1.0, we can conclude that your requirements are
      unsatisfiable.
"""
OFFLINE = """\
error: No solution found when resolving dependencies
  cause: Because numpy was not found in the cache and you require numpy==2.4.6
hint: Packages were unavailable because the network was disabled.
"""


def connecting(*causes: str) -> str:
    lines = ["error: Failed to fetch: https://me:secret@example.org/simple/numpy/", "client error (Connect)", *causes]
    return "\n  cause: ".join(lines)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (DNS, "DNS lookup failed for example.org"),
        (DNS_DRAWN, "DNS lookup failed for example.org"),
        (REFUSED, "connection refused by example.org or its proxy"),
        (UNAVAILABLE, "example.org answered 503 Service Unavailable"),
        (RESET, "connection to the package index broke off"),
        (connecting("operation timed out"), "connection to example.org timed out"),
        (connecting("tunnel error: proxy authorization required"), "proxy answered 407 Proxy Authentication Required"),
        (connecting("invalid peer certificate: UnknownIssuer"), "certificate of example.org is not trusted (Unknown"),
        (connecting("invalid peer certificate: NotValidForNameContext"), "certificate is not valid for example.org"),
        (connecting("something new"), "cannot connect to example.org"),
    ],
)
def test_what_a_network_did_may_be_tried_from_another_source(text: str, words: str) -> None:
    error = failure("resolve numpy", text, Path("x.log"), offline=False)
    assert type(error) is NetworkError
    assert str(error).startswith("cannot resolve numpy: ")
    assert words in str(error)
    assert "secret" not in f"{error} {error.remedy}"
    assert "UV_DEFAULT_INDEX" in error.remedy
    assert error.log == Path("x.log")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (UNKNOWN, "nosuch was not found in the package registry"),
        (NO_SOLUTION, "there is no version of numpy==9"),
        (NOT_FOUND, "404 Not Found"),
        ("", "uv said nothing"),
    ],
)
def test_what_the_index_lacks_is_no_network_failure(text: str, words: str) -> None:
    error = failure("resolve numpy", text, Path("x.log"), offline=False)
    assert type(error) is ProvisionError
    assert words in str(error)
    assert error.remedy
    assert "\n" not in str(error)
    assert not any(sign in str(error) for sign in "×╰─▶│├")


@pytest.mark.parametrize("offline", [False, True])
def test_an_index_without_upload_times_is_a_failure_of_its_own(offline: bool) -> None:
    assert type(failure("resolve toy", UNDATED, None, offline=offline)) is UndatedError


def test_a_full_disk_is_told_as_such_even_offline() -> None:
    for offline in (True, False):
        error = failure("install the packages", DISK_FULL, None, offline=offline)
        assert str(error) == "cannot install the packages: the disk is full"
        assert "--home" in error.remedy


def test_offline_says_that_a_network_would_help() -> None:
    error = failure("resolve numpy", OFFLINE, None, offline=True)
    assert isinstance(error, UnavailableError)
    assert error.reason == "offline"
    assert str(error).startswith("cannot resolve numpy offline: No solution found")
    assert "once with a network" in error.remedy


@pytest.mark.parametrize("text", [DNS, DNS_DRAWN, NO_SOLUTION.replace("numpy==9", "https://me:secret@example.org/x")])
def test_no_message_shows_a_login(text: str) -> None:
    assert "secret" not in str(failure("resolve", text, None, offline=False))


def test_a_long_message_is_cut() -> None:
    assert len(str(failure("resolve", "error: " + "word " * 1000, None, offline=False))) < 500


# ------------------------------------------------------------------------------------------ the program


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
        "PYTHONPATH", "PIP_INDEX_URL",
    )  # fmt: skip
    dropped = dict.fromkeys(names, "1")
    program = a_uv(tmp_path, **kept, **dropped)
    child = program.child_environ()
    assert {name: child.get(name) for name in kept} == kept
    assert not dropped.keys() & child.keys()
    assert program.shown_settings().items() >= {
        ("UV_DEFAULT_INDEX", "https://***@example.org"), ("UV_INDEX_MIRROR_PASSWORD", "***"), ("UV_SYSTEM_CERTS", "1"),
    }  # fmt: skip
    assert "secret" not in str(program.shown_settings())


def test_pips_settings_reach_uv(tmp_path: Path) -> None:
    assert a_uv(tmp_path, PIP_INDEX_URL="https://example.org/p").child_environ()["UV_DEFAULT_INDEX"].endswith("/p")


def test_offline_reaches_uv(tmp_path: Path) -> None:
    assert a_uv(tmp_path, offline=True).child_environ()["UV_OFFLINE"] == "1"


def test_the_uv_that_a_variable_names_is_taken() -> None:
    assert uv.find({"MAMBENCH_UV": "/mine/uv"}) == Path("/mine/uv")


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


def compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: FakeRun, **recipe: Any) -> list[str]:
    monkeypatch.setattr(process, "run", run)
    (tmp_path / "pylock.toml").write_text(LOCK)
    a_uv(tmp_path).compile(
        PypiRecipe(">=3.10", ("torch==2.13.0",), **recipe),
        python=Path("python"),
        folder=tmp_path,
        log=tmp_path / "log",
        torch_index=True,
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


def test_offline_no_python_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = FakeRun(process.Finished(2, "", "no interpreter"))
    monkeypatch.setattr(process, "run", run)
    with pytest.raises(UnavailableError) as caught:
        a_uv(tmp_path, offline=True).find_python(PypiRecipe("==2.7.*", ("numpy",)), fetch=True)
    assert caught.value.reason == "offline"
    assert [command[1:3] for command in run.commands] == [["python", "find"]]


def test_the_python_we_run_on_is_taken_where_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "run", FakeRun())
    python, version = a_uv(tmp_path).find_python(PypiRecipe(">=3.0", ("numpy",)), fetch=False)
    assert python.exists()
    assert version.startswith("3.")


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


def test_pythons_are_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    run = FakeRun(process.Finished(0, "/usr/bin/python3.12\n", ""), process.Finished(0, "3.12.7\n", ""))
    monkeypatch.setattr(process, "run", run)
    for _ in range(11):
        assert a_uv(tmp_path).find_python(PypiRecipe(">=3.11", ("numpy",)), fetch=False) == (
            Path("/usr/bin/python3.12"),
            "3.12",
        )
    assert len(run.commands) == 2


def test_a_python_that_was_fetched_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = process.Finished(0, "", "")
    answers = (process.Finished(2, "", "none"), done, process.Finished(0, "/p", ""), process.Finished(0, "2.7.18", ""))
    monkeypatch.setattr(process, "run", FakeRun(*answers))
    assert a_uv(tmp_path).find_python(PypiRecipe("==2.7.*", ()), fetch=True) == (Path("/p"), "2.7")
