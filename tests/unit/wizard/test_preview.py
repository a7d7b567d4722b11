"""The command that does the same."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path

from mambench.catalogue import manifest
from mambench.catalogue import plan as planning
from mambench.model import Choices, Cpu, Machine
from mambench.system import resources
from mambench.wizard import preview
from mambench.wizard.estimate import Speeds

CATALOGUE = manifest.load_catalogue((resources.benchmarks(), resources.environments()), (Path("none"), Path("none")))
LAPTOP = Machine("host", "linux-64", "A system", Cpu("A processor", 4, 8, 8, ()), 16 * 2**30)


def test_the_command_says_the_same_and_hides_logins():
    choices = Choices(
        ("jax-cpu", "numpy-mkl"), preset="quick", sizes=(1, 2), threads=(4,), source="conda",
        channels=("https://me:secret@example.org/c",),
    )  # fmt: skip
    words = preview.command_words(choices, home=Path("/a b"))
    assert " ".join(words).startswith("mambench run jax-cpu numpy-mkl --preset quick --size 1,2 --threads 4")
    assert words[-2:] == ["--home", str(Path("/a b"))]
    assert "secret" not in " ".join(words)


def test_benchmarks_are_named_in_the_command_unless_it_is_the_usual_one():
    assert "--benchmark" not in preview.command_words(Choices(("jax-cpu",)))
    words = " ".join(preview.command_words(Choices(("jax-cpu",), benchmarks=("gpt",))))
    assert "--benchmark gpt" in words
    words = " ".join(preview.command_words(Choices(("jax-cpu",), benchmarks=("matmul", "fft"))))
    assert "--benchmark matmul,fft" in words


def test_the_home_is_named_in_the_command_only_where_it_is_not_the_usual():
    words = preview.command_words(Choices(("jax-cpu",)))
    assert "--home" not in words


def test_the_command_repeats_the_option_for_each_channel() -> None:
    words = preview.command_words(Choices(("jax-cpu",), channels=("https://h/x,y", "conda-forge")))
    assert words[-4:] == ["--channel", "https://h/x,y", "--channel", "conda-forge"]


def test_the_command_is_shown_as_it_is_typed_there() -> None:
    choices = Choices(("jax-cpu",), channels=("https://h/a?b&c",))
    plan = planning.build(choices, CATALOGUE, LAPTOP)
    words = preview.command_words(choices, home=Path("/a b"))
    shown = {
        platform: dict(
            preview.plan_page(
                preview.Preview(plan, {}, {"jax-cpu": "no"}, 1, False),
                machine=replace(LAPTOP, platform=platform),
                speeds=Speeds(),
                command=words,
                width=40,
            ).facts
        )["the same"]
        for platform in ("linux-64", "win-64")
    }
    assert shlex.split(shown["linux-64"].replace("\\\n", "")) == words
    assert " ".join(shown["win-64"].split()) == (
        f'mambench run jax-cpu --preset standard --channel "https://h/a?b&c" --home "{Path("/a b")}"'
    )
