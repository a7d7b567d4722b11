"""The manual page and the folder `share` of a release and a wheel."""

from __future__ import annotations

import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from mambench.cli.parser import parser
from mambench.errors import ExitCode
from shells.conftest import needed

ROOT = Path(__file__).resolve().parents[2]
SECTIONS = ["NAME", "SYNOPSIS", "DESCRIPTION", "COMMANDS", "OPTIONS", "EXIT_STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"]


@pytest.fixture(scope="module")
def share(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the release job makes."""
    folder = tmp_path_factory.mktemp("release")
    subprocess.run([sys.executable, ROOT / "scripts" / "share.py", folder], check=True, capture_output=True)
    return folder / "share"


@pytest.fixture(scope="module")
def page(share: Path) -> Path:
    return share / "man" / "man1" / "mambench.1"


def shown(page: Path) -> str:
    """As `man` shows it, in wide lines."""
    command = [needed("man"), "-l", "--warnings=all", page]
    variables = {"MANWIDTH": "400", "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return re.sub(".\b", "", done.stdout)


def test_a_linter_finds_nothing_in_the_page(page: Path):
    done = subprocess.run([needed("mandoc"), "-Tlint", page], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")


def test_the_page_has_every_section(page: Path):
    text = shown(page)
    assert [line.replace(" ", "_") for line in text.splitlines() if re.fullmatch("[A-Z][A-Z ]+", line)] == SECTIONS
    assert set(re.findall(r"^   mambench (\S+) \[", text, re.MULTILINE)) >= {"run", "doctor", "completion"}
    for code in ExitCode:
        assert re.search(rf"^       {code:<7}{re.escape(code.words)}$", text, re.MULTILINE)
    assert "mambench run --all --yes --json result.json" in text


def test_every_command_and_option_is_in_the_page(page: Path):
    text = shown(page)
    (group,) = (action for action in parser()._actions if action.dest == "command")
    commands = dict(group.choices or {})
    options = {name for each in commands.values() for action in each._actions for name in action.option_strings}
    assert len(options) > 40
    assert not {name for name in options if not re.search(rf"(^| ){name}\b", text, re.MULTILINE)}
    # A command with verbs has them in its place.
    assert not {name for name in commands if not re.search(rf"^   mambench {name} (\w+ )?\[", text, re.MULTILINE)}


def test_what_the_page_says_of_variables_is_so(page: Path):
    named = set(re.findall("MAMBENCH_[A-Z_]+", shown(page)))
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src").rglob("*.py"))
    assert {"MAMBENCH_HOME", "MAMBENCH_UV"} <= named and all(f'"{name}"' in source for name in named)


def test_the_archive_lies_where_shells_and_man_look(share: Path):
    (archive,) = share.parent.glob("mambench-*-share.tar.gz")
    with tarfile.open(archive) as bundle:
        entries = [entry for entry in bundle if entry.isfile()]
    assert {entry.name for entry in entries} == {
        "share/man/man1/mambench.1",
        "share/bash-completion/completions/mambench",
        "share/zsh/site-functions/_mambench",
        "share/fish/vendor_completions.d/mambench.fish",
        "share/powershell/mambench.ps1",
    }
    assert all(entry.uid == 0 and entry.uname == "" and entry.size > 5000 for entry in entries)


def test_a_wheel_holds_them(tmp_path: Path):
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", tmp_path, ROOT]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = [name.partition(".data/data/")[2] for name in zipfile.ZipFile(wheel).namelist()]
    assert {"share/man/man1/mambench.1", "share/zsh/site-functions/_mambench"} <= set(names)
