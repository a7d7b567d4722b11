"""A folder with the program in it, fetched into, carried elsewhere, and used there without a network."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from frozen.conftest import Person
from frozen.test_measuring import CONDA, PYPI, QUICK, channel, real_uv, verified
from standin.packages import File, Package, write_channel

__all__ = ["channel"]


@pytest.fixture
def more(tmp_path: Path) -> Path:
    """A channel that has uv."""
    uv = Package("uv", "0.13.8", "0", {"bin/uv": File(Path(real_uv()).read_bytes(), executable=True)})
    write_channel(tmp_path / "more", [uv], platform="linux-64")
    return tmp_path / "more"


def carried(person: Person, folder: Path) -> Person:
    """The person with a copy of the folder, in which the program has no network; the first one is gone."""
    shutil.copytree(person.program.parent, folder)
    shutil.rmtree(person.program.parent)
    program = folder / "mambench-without-network"
    alone = "-n" if os.geteuid() == 0 else "-rn"
    program.write_text(f'#!/bin/sh\nexec unshare {alone} "{folder}/mambench" "$@"\n')
    program.chmod(0o755)
    return Person(program, person.folder, person.environ, person.mark, person.started)


@pytest.mark.parametrize("source", ["conda", "pypi"])
def test_a_folder_that_was_carried_away_makes_and_measures_a_stack(
    one_file: Person, channel: Path, more: Path, tmp_path: Path, source: str
):
    one_file.offer_stack("mine", CONDA.format(channel=channel) + PYPI)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "unshare").symlink_to(str(shutil.which("unshare")))
    one_file.environ["PATH"] = str(tmp_path / "bin")  # neither uv nor a python
    fetched = one_file.run("fetch", "mine", "--source", source, "--channel", f"file://{channel},file://{more}", "--yes")
    assert fetched.code == 0, fetched.text
    assert "of its own" not in fetched.text, "something is not in the kit"
    shutil.move(channel, tmp_path / "gone")
    try:
        there = carried(one_file, tmp_path / "a stick")
        shutil.rmtree(there.home / "cache")
        shutil.rmtree(there.home / "mamba")
        done = there.run("run", "mine", *QUICK, "--offline", "--channel", f"file://{channel},file://{more}")
    finally:
        shutil.move(tmp_path / "gone", channel)
    assert done.code == 0, done.text
    assert verified(there)["environment"] == f"mine@{source}"
    kit = json.loads(there.run("fetch", "--list", "--json").out)["kit"]
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    told = {(row["stack"], row["python"], row["state"]) for row in kit}
    assert told == (
        {("mine", "", "whole")} if source == "conda" else {("mine", python, "whole"), ("tools", "", "whole")}
    )
