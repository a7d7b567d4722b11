"""The source `pypi`: what is tried again without a date, which uv is taken, what the report keeps; uv is a fake."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from builders import a_spec

from mambench.environments.prefix import Draft, Identity
from mambench.environments.pypi.progress import DownloadProgress
from mambench.environments.pypi.source import PypiSource
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import EnvironmentSpec, Package, Provisioning, PypiRecipe
from mambench.system import network, process
from mambench.system.home import Home

UNDATED = "error: No solution found\n  cause: Because toy==1.0 has no publish time and you require toy==1.0\n"
NO_SOLUTION = "error: No solution found\n  cause: there is no version of toy==9\n"
UNREACHABLE = "error: Failed to fetch: http://example.org/\n  cause: tcp connect error\n"
LOCK = '[[packages]]\nname = "toy"\nversion = "1.0"\nwheels = [{ url = "https://example.org/toy.whl", size = 1 }]\n'


class FakeUv:
    """process.run for a uv whose resolutions end as the list says; "" succeeds."""

    def __init__(self, *errors: str, versions: dict[str, str] | None = None) -> None:
        self.errors, self.commands = list(errors), []  # type: ignore[var-annotated]
        self.versions = versions or {}

    def __call__(self, command: list[str], **_options: Any) -> process.Finished:
        if command[1:] == ["--version"]:
            return process.Finished(0, f"uv {self.versions.get(command[0], '0.13.9')}", "")
        if command[1:3] == ["python", "find"]:
            return process.Finished(0, "/usr/bin/python3.12", "")
        if command[1:2] == ["-I"]:
            return process.Finished(0, "3.12.7", "")
        self.commands.append(command)
        error = self.errors.pop(0)
        if not error:
            Path(command[command.index("--output-file") + 1]).write_text(LOCK)
        return process.Finished(1 if error else 0, "", error)


def a_stack(exclude_newer: str | None = "2026-11-15") -> EnvironmentSpec:
    return a_spec(pypi=PypiRecipe(">=3.9", ("toy==1.0",), exclude_newer=exclude_newer))


def solved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fake: FakeUv, spec: EnvironmentSpec, **environ: str
) -> Draft:
    home = Home(tmp_path)
    home.prepare()
    monkeypatch.setattr(process, "run", fake)
    monkeypatch.setattr(network, "warm_up", lambda: None)
    source = PypiSource(
        home,
        platform="linux-64",
        environ={"MAMBENCH_UV": "/mine/uv", "PIP_CONFIG_FILE": "/dev/null", **environ},
        offline=False,
        torch_index=lambda: True,
    )
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
    with pytest.raises(UnavailableError, match=r"uv 0\.4\.0 at /mine/uv is not a version"):
        solved(tmp_path, monkeypatch, FakeUv(versions={"/mine/uv": "0.4.0"}), a_stack())


def test_the_bar_counts_what_uv_unpacks_and_nothing_else(tmp_path: Path) -> None:
    packages = (Package("big-wheel", "1", size_bytes=1000), Package("small", "1", size_bytes=100))
    identity = Identity("toy", "pypi", "linux-64", (), (), "3.12")
    draft = Draft(a_stack(), identity, tmp_path / "prefix", "", "", packages)
    (tmp_path / ".tmpstale").mkdir()
    (tmp_path / ".tmpstale" / "x").write_bytes(bytes(5000))
    seen: list[Provisioning] = []
    progress = DownloadProgress(draft, tmp_path, seen.append)  # type: ignore[arg-type]

    def after(unpacked: int, *lines: str) -> tuple[str, int | None]:
        (tmp_path / ".tmpA").mkdir(exist_ok=True)
        (tmp_path / ".tmpA" / "file").write_bytes(bytes(unpacked))
        for line in lines:
            progress.line(line)
        for _ in range(4):
            progress.tick()
        return seen[-1].phase, seen[-1].done_bytes

    assert after(0) == ("downloading", 0)
    assert after(1800) == ("downloading", 500)
    assert after(0) == ("downloading", 500)  # it was moved away and is not reported yet
    assert after(0, " Downloaded Big_Wheel") == ("downloading", 1000)
    assert after(9000) == ("downloading", 1100)
    assert after(0, "Prepared 2 packages in 1s") == ("installing", 1100)
    assert {event.total_bytes for event in seen} == {1100}
