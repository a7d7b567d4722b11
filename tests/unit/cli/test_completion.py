"""Completions come from the parser; tests/shells presses TAB."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from mambench.cli import main as cli
from mambench.cli.arguments import Commands, Parser
from mambench.cli.commands.completion import SHELLS
from mambench.cli.completing import script


@pytest.mark.parametrize("shell", SHELLS)
def test_a_new_command_is_completed_by_the_words_for_its_values(shell: str):
    whole = Parser(prog="mambench")
    command = Commands(whole, Parser(add_help=False)).add("fetch", "bring what an offline run needs", lambda *_: 0)
    command.add_argument("stacks", nargs="+", metavar="STACK")
    command.add_argument("--platform", metavar="NAME")
    command.add_argument("--like", metavar="REPORT")
    text = script(whole, shell)
    for word in ("fetch", "platform", "win-64", "completion --words stacks", "completion --words results"):
        assert word in text


def test_the_program_is_not_changed_by_what_completes_it(capsys: pytest.CaptureFixture[str]):
    from mambench.cli.parser import parser

    assert cli.main(["completion", "bash"]) == 0
    assert "complete -o bashdefault" in capsys.readouterr().out
    (group,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    (preset,) = (action for action in group.choices["run"]._actions if action.dest == "preset")
    assert preset.choices is None


def test_names_are_those_of_ours_and_of_the_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("MAMBENCH_HOME", str(tmp_path))
    for name in ("environments/mine.toml", "environments/$(x).toml", "results/20261129T100000Z-a-host-0123abcd.json",
                 "results/20261130T100000Z-a-host-4567abcd.json"):  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()

    def told(kind: str) -> list[str]:
        assert cli.main(["completion", "--words", kind]) == 0
        return capsys.readouterr().out.split()

    assert {"mine", "numpy-openblas"} <= set(told("stacks")) and "$(x)" not in told("stacks")
    assert "matmul" in told("benchmarks")
    assert told("results") == ["latest", "4567abcd", "0123abcd"]
    assert told("no such kind") == []
