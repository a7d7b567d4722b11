"""A folder with the program in it, fetched into, carried elsewhere, and used there without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from frozen.conftest import Person
from frozen.test_measuring import CONDA, PYPI, QUICK, channel, real_uv, verified
from frozen.test_starting import mounted
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
    assert "the computer needs" not in fetched.text, "something is not in the kit"
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


def test_a_stick_that_cannot_be_written_is_read_by_a_program_whose_home_is_elsewhere(
    one_file: Person, channel: Path, tmp_path: Path
):
    """One without links, as FAT, is the same: the home is then the user's data folder."""
    one_file.offer_stack("mine", CONDA.format(channel=channel))
    assert one_file.run("fetch", "mine", "--yes").code == 0
    home = tmp_path / "user" / ".local" / "share" / "mambench"
    shutil.copytree(one_file.home / "environments", home / "environments")
    stick = tmp_path / "stick"
    with mounted(stick):
        shutil.copytree(one_file.home / "kit", stick / "mambench-home" / "kit")
        program = Path(shutil.copy(one_file.program, stick))
        subprocess.run(["mount", "-o", "remount,ro", str(stick)], check=True)
        there = Person(program, one_file.folder, one_file.environ, one_file.mark, one_file.started)
        shutil.move(channel, tmp_path / "gone")
        try:
            done = there.run("run", "mine", *QUICK, "--offline")
        finally:
            shutil.move(tmp_path / "gone", channel)
    assert done.code == 0, done.text
    assert "cannot be written" in done.text and "nothing to download" in done.text
    assert list(home.glob("results/*.json"))
    assert not (home / "kit").exists()
