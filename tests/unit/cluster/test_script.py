"""A job's script; tests/cluster lets a real Slurm run it."""

from __future__ import annotations

import shlex

import pytest

from mambench.cluster.script import Measurement, Request, script

WORK = Measurement(("/opt/my tools/mambench",), ("run", "numpy-mkl", "--param", "a b=1"), "/shared/it's")


def directives(request: Request, folder: str | None = "/shared/it's/slurm/20261129T120000Z") -> list[str]:
    """The words of each #SBATCH line, as a shell would take them apart, which is how sbatch does it."""
    lines = script(request, WORK, folder, created="2026-11-29").splitlines()
    found = [line.removeprefix("#SBATCH ") for line in lines if line.startswith("#SBATCH ")]
    assert lines[1 : 1 + len(found)] == [f"#SBATCH {line}" for line in found]  # sbatch reads no further
    return [" ".join(shlex.split(line)) for line in found]


def test_options_of_slurm_stand_in_the_script_and_a_persons_own_come_last():
    request = Request(
        4, "gpu", "lab", "1:30:00", exclusive=True, options=("-C", "ib", "--comment=a 'b' # c", "--mem", "64G")
    )
    words = directives(request)
    assert {"--nodes=4", "--ntasks-per-node=1", "--partition=gpu", "--account=lab", "--time=1:30:00"} <= set(words)
    assert {"--exclusive", "--no-kill", "--no-requeue"} <= set(words)
    assert words[-3:] == ["-C ib", "--comment=a 'b' # c", "--mem 64G"]


@pytest.mark.parametrize(
    ("options", "has_all"), [((), True), (("--mem=64G",), False), (("--mem-per-cpu", "2G"), False)]
)
def test_a_node_of_ones_own_comes_with_its_memory_unless_some_is_asked_for(options: tuple[str, ...], has_all: bool):
    assert ("--mem=0" in directives(Request(1, exclusive=True, options=options))) == has_all
    assert "--mem=0" not in directives(Request(1, options=options))


def test_a_per_cent_sign_in_the_home_is_no_pattern_of_slurm():
    assert "--output=/50%% off/job.log" in directives(Request(1), "/50% off")
    assert "--output=mambench-%j.log" in directives(Request(1), None)


def test_each_node_runs_the_words_as_they_were_typed():
    text = script(Request(2), WORK, None, created="2026-11-29")
    command = text[text.index("srun ") : text.index("code=$?")]
    assert "'/opt/my tools/mambench'" in command and "run numpy-mkl --param 'a b=1' --home \"$home\"" in command
    assert "home='/shared/it'\"'\"'s'" in text
    for option in (
        "--ntasks-per-node=1",
        "--cpu-bind=none",
        "--kill-on-bad-exit=0",
        "--no-kill",
        "--wait=0",
        "--label",
    ):
        assert f" {option} " in command


def test_variables_of_mambench_are_handed_on():
    work = Measurement(("mambench",), ("run",), "/h", {"MAMBENCH_UV": "/a b/uv"})
    assert "\nexport MAMBENCH_UV='/a b/uv'\n" in script(Request(1), work, None, created="")


@pytest.mark.parametrize("word", ["-pgpu", "-p", "--partition", "--partition=gpu"])
def test_an_option_is_known_in_each_of_its_forms(word: str):
    assert Request(1, options=(word,)).asks_for("-p", "--partition")
    assert not Request(1, options=(word,)).asks_for("-N", "--nodes", "--part")
