"""The words of `slurm run`: which are for each node, which for Slurm, which for the table."""

from __future__ import annotations

import os

import pytest

from mambench.cli.parser import parser
from mambench.cli.slurm import again, node_words, requested
from mambench.cluster.job import Job
from mambench.cluster.slurm import Slurm
from mambench.errors import UsageError


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("slurm run numpy-mkl --nodes 4", "numpy-mkl"),
        ("slurm run numpy-mkl --size 64,128 --nodes=all torch-cpu", "numpy-mkl --size 64,128 torch-cpu"),
        ("slurm run a --nodes 4 --partition p --account a --time 30 --exclusive --yes --no-follow --quiet", "a"),
        ("--home /h slurm --verbose run a --nodes 4 --home /i", "a"),
        ("slurm run a --nodes 4 --python x=/p --offline", "a --python x=/p --offline"),
        ("slurm run a --nodes 4 --json x", "a"),
        ("slurm run a --nodes 4 --stage", "a --stage=/tmp"),
        ("slurm run --stage /scratch a --nodes 4", "a --stage=/scratch"),
        ("slurm run a --nodes 4 -- --size 3 -p x", "a"),
    ],
)  # fmt: skip
def test_a_node_gets_the_words_of_the_measurement(typed: str, words: str):
    assert node_words(typed.split()) == words.split()


@pytest.mark.parametrize(
    ("typed", "problem"),
    [
        ("run --nodes 4", "no stack is named"),
        ("run a --nodes 0", "--nodes 0: it takes a number"),
        ("run a --nodes many", "--nodes many"),
        ("run --stage a b --nodes 4", "--stage a: it takes an absolute path"),
        ("run a --nodes 4 -- b", "b is no option of sbatch"),
        ("run a --nodes 4 -- --partition=p", "--partition is an option of slurm run itself"),
        ("script a --nodes 4 -- -N2", "--nodes is an option of slurm script itself"),
    ],
)
def test_what_makes_no_sense_is_refused(typed: str, problem: str):
    with pytest.raises(UsageError, match=problem):
        requested(parser().parse_args(["slurm", *typed.split()]), Slurm({}))


def test_words_behind_two_dashes_are_for_sbatch():
    words = "slurm run a --nodes 4 --exclusive -- --gres=gpu:4 --comment -- x"
    arguments = parser().parse_args(words.split(" "))
    request, absent = requested(arguments, Slurm({}))
    assert (request.nodes, request.exclusive, absent) == (4, True, ())
    assert request.options == ("--gres=gpu:4", "--comment", "--", "x")


def test_other_commands_keep_their_two_dashes():
    arguments = parser().parse_args(["env", "exec", "a", "--", "python", "x"])
    assert arguments.command_line[-2:] == ["python", "x"]


def test_a_command_can_be_typed_in_another_folder():
    arguments = parser().parse_args(["slurm", "run", "a", "--nodes", "4", "--home", "/my home"])
    assert again("status", Job("12"), arguments) == f"mambench slurm status 12 --home '{os.path.abspath('/my home')}'"
    assert again("status", Job("12"), parser().parse_args(["slurm", "run", "a", "--nodes", "4"])).endswith(" 12")
