"""The source `pypi`: what is tried again without a date, which uv is taken, what the report keeps; uv is a fake."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from builders import a_spec

from mambench.environments.prefix import Draft
from mambench.environments.pypi.bootstrap import Toolbox
from mambench.environments.pypi.source import PypiSource, wrong_build
from mambench.environments.pypi.wheel import UvWheel
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import Environment, EnvironmentSpec, OnEvent, Package, PypiRecipe, Reason
from mambench.system import network, process
from mambench.system.home import Home

UNDATED = "error: No solution found\n  cause: Because toy==1.0 has no publish time and you require toy==1.0\n"
NO_SOLUTION = "error: No solution found\n  cause: there is no version of toy==9\n"
UNREACHABLE = "error: Failed to fetch: http://example.org/\n  cause: tcp connect error\n"
LOCK = '[[packages]]\nname = "toy"\nversion = "1.0"\nwheels = [{ url = "https://example.org/toy.whl", size = 1 }]\n'


class FakeUv:
    """process.run for a uv whose resolutions end as the list says; "" succeeds."""

    def __init__(self, *errors: str, versions: dict[str, str] | None = None, pythons: bool = True) -> None:
        self.errors, self.commands = list(errors), []  # type: ignore[var-annotated]
        self.versions, self.pythons = versions or {}, pythons

    def __call__(self, command: list[str], **_options: Any) -> process.Finished:
        if command[1:] == ["--version"]:
            return process.Finished(0, f"uv {self.versions.get(command[0], '0.13.9')}", "")
        if command[1:3] == ["python", "find"]:
            return process.Finished(0 if self.pythons else 2, "/usr/bin/python3.12", "")
        if command[1:2] == ["-I"]:
            return process.Finished(0, "3.12.7", "")
        self.commands.append(command)
        error = self.errors.pop(0)
        if not error:
            Path(command[command.index("--output-file") + 1]).write_text(LOCK)
        return process.Finished(1 if error else 0, "", error)


class NoConda:
    """A source that has nothing."""

    def ready(self, _spec: EnvironmentSpec) -> Environment | None:
        return None

    def from_kit(self, _spec: EnvironmentSpec, _on_event: OnEvent) -> Draft | None:
        return None

    def solve(self, _spec: EnvironmentSpec, _on_event: OnEvent) -> Draft:
        raise UnavailableError(Reason.SOURCE, "there is no conda")

    def install(self, _draft: Draft, _on_event: OnEvent) -> Environment:
        raise AssertionError


def a_stack(exclude_newer: str | None = "2026-11-15") -> EnvironmentSpec:
    return a_spec(pypi=PypiRecipe(">=3.9", ("toy==1.0",), exclude_newer=exclude_newer))


def solved(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fake: FakeUv,
    spec: EnvironmentSpec,
    *,
    offline: bool = False,
    **environ: str,
) -> Draft:
    home = Home(tmp_path)
    home.prepare()
    monkeypatch.setattr(process, "run", fake)
    monkeypatch.setattr(network, "warm_up", lambda: None)
    told = {"MAMBENCH_UV": "/mine/uv", "PIP_CONFIG_FILE": os.devnull, **environ}
    options: Any = {"platform": "linux-64", "offline": offline}
    wheel = UvWheel(home, tmp_path / "uv.toml", platform="linux-64", environ=told)
    toolbox = Toolbox(home, NoConda(), wheel, environ=told, agree=lambda _drafts: False, **options)
    source = PypiSource(home, toolbox, **options)
    return source.solve(spec, lambda _event: None)


def test_an_index_without_upload_times_is_asked_again_without_a_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeUv(UNDATED, "")
    draft = solved(tmp_path, monkeypatch, fake, a_stack())
    assert draft.warnings == ("the package index gives no upload times: packages may be newer than 2026-11-15",)
    assert ["--exclude-newer" in command for command in fake.commands] == [True, False]


@pytest.mark.parametrize(("said", "kind"), [(NO_SOLUTION, ProvisionError), (UNREACHABLE, NetworkError)])
def test_no_other_failure_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str, kind: type[Exception]
) -> None:
    fake = FakeUv(said)
    with pytest.raises(kind):
        solved(tmp_path, monkeypatch, fake, a_stack())
    assert len(fake.commands) == 1


def test_what_uv_was_told_is_kept_without_logins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    draft = solved(
        tmp_path,
        monkeypatch,
        FakeUv(""),
        a_stack(),
        UV_DEFAULT_INDEX="https://me:secret@example.org",
        UV_PRERELEASE="1",
    )
    assert draft.installer_variables == {"UV_DEFAULT_INDEX": "https://***@example.org"}
    assert draft.warnings == ()


def test_a_named_uv_that_does_not_fit_is_told_and_not_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = str(Path("/mine/uv"))
    with pytest.raises(UnavailableError, match=re.escape(f"uv 0.4.0 at {mine} is not a version")):
        solved(tmp_path, monkeypatch, FakeUv(versions={mine: "0.4.0"}), a_stack())


def test_offline_no_python_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = a_spec(pypi=PypiRecipe("==2.7.*", ("toy==1.0",)))
    with pytest.raises(UnavailableError) as caught:
        solved(tmp_path, monkeypatch, FakeUv(pythons=False), spec, offline=True)
    assert caught.value.reason is Reason.OFFLINE


# ------------------------------------------------------------------------------------------ builds of torch

CPU = PypiRecipe(">=3.10", ("torch==2.13.0",), torch_backend="cpu")
CUDA = PypiRecipe(">=3.10", ("torch==2.13.0",), torch_backend="cu128")
CUBLAS = Package("nvidia-cublas-cu12", "1", size_bytes=600_000_000)
PLAIN = (Package("torch", "2.13.0", size_bytes=900_000_000), CUBLAS)
GOOD = (Package("torch", "2.13.0+cpu", size_bytes=180_000_000), Package("numpy", "2.4.6"))


@pytest.mark.parametrize(
    ("packages", "platform"),
    [
        (PLAIN, "linux-64"),
        (PLAIN[:1], "linux-64"),
        ((GOOD[0], CUBLAS), "linux-64"),
        (PLAIN, "win-64"),
        (PLAIN, "linux-aarch64"),
        ((Package("torch", "2.13.0+cu128"),), "win-64"),
    ],
)
def test_a_cuda_build_in_a_cpu_stack_is_refused(packages: tuple[Package, ...], platform: str) -> None:
    refusal = wrong_build(CPU, packages, platform)
    assert refusal is not None
    assert refusal.reason == "source"
    assert platform in str(refusal)
    assert refusal.remedy


def test_the_refusal_says_what_it_would_have_weighed() -> None:
    assert "NVIDIA packages: 1, 1,500 MB in all" in str(wrong_build(CPU, PLAIN, "linux-64"))


def test_the_right_build_is_not_refused() -> None:
    assert wrong_build(CPU, GOOD, "linux-64") is None
    assert wrong_build(CUDA, PLAIN, "linux-64") is None
    assert wrong_build(CUDA, (Package("torch", "2.13.0+cu128"),), "win-64") is None


@pytest.mark.parametrize("platform", ["win-64", "linux-aarch64"])
def test_a_plain_torch_of_pypi_is_the_cpu_build_there(platform: str) -> None:
    assert wrong_build(CPU, PLAIN[:1], platform) is None
    assert wrong_build(CUDA, PLAIN[:1], platform) is not None


def test_a_cpu_build_in_a_cuda_stack_is_refused() -> None:
    assert wrong_build(CUDA, (Package("torch", "2.13.0"),), "win-64") is not None


def test_a_mac_has_one_build_and_other_frameworks_have_no_question() -> None:
    assert wrong_build(CPU, PLAIN[:1], "osx-arm64") is None
    assert wrong_build(PypiRecipe(">=3.10", ("jax",)), PLAIN, "linux-64") is None
    assert wrong_build(CPU, (Package("numpy", "2.4.6"),), "linux-64") is None
