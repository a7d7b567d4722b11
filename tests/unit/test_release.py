"""The release job: what it publishes, what it believes of Apple's notary, and that what its workflows name is there."""

from __future__ import annotations

import hashlib
import importlib.util
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "scripts" / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


release = script("release")

PROGRAMS = (
    "mambench-0.1.0-linux-64", "mambench-0.1.0-linux-64.tar.gz", "mambench-0.1.0-linux-aarch64",
    "mambench-0.1.0-osx-arm64.tar.gz", "mambench-0.1.0-share.tar.gz",
    "mambench-0.1.0-win-64.exe", "mambench-0.1.0-win-64.zip",
)  # fmt: skip


@pytest.fixture
def dist(tmp_path: Path) -> Path:
    """What the builds leave, with a home that a self-test made beside a program."""
    for name in PROGRAMS:
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "mambench-home" / "results").mkdir(parents=True)
    (tmp_path / "folder" / "mambench-0.1.0-linux-64").mkdir(parents=True)
    (tmp_path / "work").mkdir()
    (tmp_path / "report.json").touch()
    return tmp_path


def test_all_programs_and_their_sums_are_published_and_nothing_else(dist: Path, capsys: pytest.CaptureFixture[str]):
    assert release.main(["sums", str(dist)]) == 0
    assert [Path(line).name for line in capsys.readouterr().out.splitlines()] == [*sorted(PROGRAMS), "SHA256SUMS"]
    sums = dict(reversed(line.split("  ")) for line in (dist / "SHA256SUMS").read_text().splitlines())  # type: ignore[misc]
    assert sums == {name: hashlib.sha256(name.encode()).hexdigest() for name in PROGRAMS}


def test_a_release_of_nothing_fails(tmp_path: Path):
    assert release.main(["sums", str(tmp_path)]) == 1


ACCEPTED = '{"id":"2efe2717","message":"Processing complete","status":"Accepted"}'
INVALID = '{"id":"2efe2717","message":"Processing complete","status":"Invalid"}'


@pytest.mark.parametrize(
    ("answer", "code"),
    [(ACCEPTED, 0), (INVALID, 1), ('{"id":"2efe2717","message":"Timeout of 3600 second(s) was reached"}', 1), ("", 1)],
)
def test_only_accepted_is_accepted(tmp_path: Path, answer: str, code: int):
    (tmp_path / "notary.json").write_text(answer)
    assert release.main(["accepted", str(tmp_path / "notary.json")]) == code


def steps(workflow: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(name, step) for name, job in workflow["jobs"].items() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_what_a_workflow_runs_is_in_the_repository(path: Path):
    workflow = yaml.safe_load(path.read_text(encoding="utf-8"))
    told = "\n".join(step.get("run", "") for _, step in steps(workflow))
    named = set(re.findall(r"\b(?:scripts|specs|resources)/[\w./-]+\.\w+", told))
    assert named and not {name for name in named if not (ROOT / name).is_file()}
    for _, step in steps(workflow):
        assert ("run" in step) != ("uses" in step)
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", step.get("uses", "a/b@" + 40 * "0"))


def test_no_program_is_tried_with_a_home_beside_it():
    """A home in dist is uploaded with the programs."""
    for path in WORKFLOWS:
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            runs = [step.get("run", "") for step in job["steps"]]
            tried = [index for index, run in enumerate(runs) if " selftest" in run]
            told = [index for index, run in enumerate(runs) if "MAMBENCH_HOME=" in run]
            assert not tried or (told and told[0] < tried[0]), path.name


def test_windows_is_tried_with_short_paths_and_with_torch():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8"))
    runs = [step.get("run", "") for name, step in steps(workflow) if name == "frozen"]
    short = next(index for index, run in enumerate(runs) if "LongPathsEnabled" in run)
    torch = next(index for index, run in enumerate(runs) if "run torch-cpu" in run)
    assert short < torch
