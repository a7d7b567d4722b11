"""`mambench new`: examples in the home that the catalogue takes as they are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mambench.catalogue import manifest, plan
from mambench.cli import main
from mambench.cli.choices import choices_from
from mambench.cli.commands import new as command
from mambench.cli.parser import parser
from mambench.model import Catalogue
from mambench.system import files, resources


def new(home: Path, *words: str) -> int:
    return main.main(["new", *words, "--home", str(home)])


def catalogue(home: Path) -> Catalogue:
    return manifest.load_catalogue(
        (resources.benchmarks(), resources.environments()), (home / "benchmarks", home / "environments")
    )


def test_a_benchmark_is_written_and_taken_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new(tmp_path, "benchmark", "mine") == 0
    folder = tmp_path / "benchmarks" / "mine"
    assert {file.name for file in folder.iterdir()} == {"benchmark.toml", "kernel_numpy.py", "check.py"}
    taken = catalogue(tmp_path)
    spec = taken.benchmarks["mine"]
    assert (spec.origin, spec.unit, spec.check.file, taken.broken) == ("home", "Mitems/s", "check.py", ())
    told = capsys.readouterr().err
    assert str(folder) in told
    assert f"next: mambench run numpy-openblas --benchmark mine --preset quick --home {tmp_path}\n" in told


def test_a_stack_is_written_and_taken_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new(tmp_path, "stack", "mine") == 0
    taken = catalogue(tmp_path)
    spec = taken.environments["mine"]
    assert (spec.origin, spec.kernel, spec.sources, taken.broken) == ("home", "numpy", ("conda", "pypi"), ())
    told = capsys.readouterr().err
    assert str(tmp_path / "environments" / "mine.toml") in told
    assert f"next: mambench run mine --preset quick --home {tmp_path}\n" in told


@pytest.mark.parametrize("words", [("benchmark", "mine"), ("stack", "mine")])
def test_the_name_is_filled_in_everywhere(tmp_path: Path, words: tuple[str, str]) -> None:
    new(tmp_path, *words)
    texts = [file.read_text(encoding="utf-8") for file in tmp_path.glob("*/**/*mine*/*")]
    texts += [file.read_text(encoding="utf-8") for file in tmp_path.glob("environments/*")]
    assert any("mine" in text for text in texts)
    assert not any(command.PLACEHOLDER in text for text in texts)


def test_the_command_that_is_next_can_be_parsed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new(tmp_path, "benchmark", "mine")
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("next: mambench ")]
    choices = choices_from(parser().parse_args(line.removeprefix("next: mambench ").split()))
    assert plan.known_benchmark(choices.benchmarks[0], catalogue(tmp_path)).origin == "home"
    assert plan.known_stack(choices.environments[0], catalogue(tmp_path)).kernel == "numpy"


def test_a_home_that_was_not_named_is_not_in_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MAMBENCH_HOME", str(tmp_path))
    assert main.main(["new", "stack", "mine"]) == 0
    assert capsys.readouterr().err.endswith("next: mambench run mine --preset quick\n")


def test_list_shows_both_as_ones_own(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    new(tmp_path, "benchmark", "mine")
    new(tmp_path, "stack", "mine")
    for words, key in ((["list", "--benchmarks"], "benchmarks"), (["list"], "environments")):
        capsys.readouterr()
        assert main.main([*words, "--json", "--home", str(tmp_path)]) == 0
        origins = {each["name"]: each["origin"] for each in json.loads(capsys.readouterr().out)[key]}
        assert origins.pop("mine") == "home" and set(origins.values()) == {"builtin"}


def test_ones_own_benchmark_runs_only_when_named() -> None:
    named = choices_from(parser().parse_args(["run", "--all", "--benchmark", "mine"]))
    assert named.benchmarks == ("mine",)
    assert choices_from(parser().parse_args(["run", "--all"])).benchmarks == ("matmul",)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("benchmark", "matmul"), "there is a benchmark matmul already: it comes with mambench"),
        (("stack", "numpy-mkl"), "there is a stack numpy-mkl already: it comes with mambench"),
        (("benchmark", "../mine"), "'../mine' cannot be the name of a benchmark"),
        (("benchmark", ".."), "'..' cannot be the name of a benchmark"),
        (("stack", "Mine"), "'Mine' cannot be the name of a stack"),
        (("stack", ""), "'' cannot be the name of a stack"),
    ],
)
def test_a_name_that_cannot_be_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], told: str
) -> None:
    assert new(tmp_path, *words) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "benchmarks").exists() and not (tmp_path / "environments").exists()


@pytest.mark.parametrize("what", ["benchmark", "stack"])
def test_what_is_there_is_left_as_it_is(tmp_path: Path, capsys: pytest.CaptureFixture[str], what: str) -> None:
    new(tmp_path, what, "mine")
    (changed,) = (*tmp_path.glob("benchmarks/mine/benchmark.toml"), *tmp_path.glob("environments/mine.toml"))
    changed.write_text("changed")
    assert new(tmp_path, what, "mine") == 2
    assert f"there is a {what} mine already: {tmp_path}" in capsys.readouterr().err
    assert changed.read_text() == "changed"


def test_nothing_is_left_of_what_could_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = files.write_bytes

    def full(path: Path, content: bytes) -> None:
        if path.name == "benchmark.toml":
            raise OSError(28, "No space left on device")
        real(path, content)

    monkeypatch.setattr(files, "write_bytes", full)
    assert new(tmp_path, "benchmark", "mine") == 5
    assert "mine: No space left on device" in capsys.readouterr().err
    assert list((tmp_path / "benchmarks").iterdir()) == []
