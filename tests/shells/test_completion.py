"""TAB in real shells, and the quick command that answers it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from footprint import listing
from shells.conftest import LINES, Shell, needed

PROGRAM = str(Path(sys.executable).with_name("mambench"))
SHELLS = ("bash", "zsh", "fish", "powershell")
QUICK_SECONDS = 0.3
"""What a person takes for at once; measured on an idle machine: 0.1."""


def said(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    variables = {**os.environ, **environ}
    return subprocess.run([PROGRAM, *words], env=variables, capture_output=True, text=True, check=False)


def test_the_readme_has_a_line_for_each_shell():
    assert tuple(sorted(LINES)) == tuple(sorted(SHELLS))


def test_a_shell_completes_commands_options_and_names(shell: Shell, cwd: Path):
    shell.completed("mambench ", "run", "results", "completion")
    shell.completed("mambench env cre", "create")
    shell.completed("mambench run --until", "--until-sure")
    shell.completed("mambench run num", "numpy-openblas", "numpy-mkl")
    shell.completed("mambench run numpy-mkl jax-", "jax-cpu", "jax-cuda")
    shell.completed("mambench run mi", "mine")
    shell.completed("mambench run mine --preset qu", "quick")
    shell.completed("mambench run mine --dtype float64 --dtype bf", "bfloat16")
    shell.completed("mambench run mine --device c", "cpu", "cuda")
    shell.completed("mambench run mine --source py", "pypi")
    shell.completed("mambench run mine --benchmark so", "solve", "sorting")
    shell.completed("mambench report 01", "0123abcd")
    shell.completed("mambench report la", "latest")
    shell.completed("mambench compare latest bef", "before.json")
    shell.completed("mambench completion p", "powershell")
    assert "touch" not in shell.completed("mambench env remove ", "mine", "numpy-mkl")
    assert sorted(path.name for path in cwd.iterdir() if not path.name.startswith(".")) == ["before.json"]


@pytest.mark.parametrize("kind", ["stacks", "benchmarks", "results", "nonsense"])
def test_names_are_told_at_once_and_nothing_is_written(kind: str, home: Path):
    before = listing(home)
    seconds = []
    for _ in range(5):
        begin = time.monotonic()
        done = said("completion", "--words", kind, MAMBENCH_HOME=str(home))
        seconds.append(time.monotonic() - begin)
        assert (done.returncode, done.stderr) == (0, "")
    assert min(seconds) < QUICK_SECONDS
    assert listing(home) == before
    names = done.stdout.split()
    expected = {"stacks": {"mine", "numpy-mkl"}, "benchmarks": {"sorting", "fft"}, "results": {"latest", "0123abcd"}}
    assert expected.get(kind, set()) <= set(names)
    assert "touch" not in done.stdout and (names or kind == "nonsense")


@pytest.mark.parametrize("home", ["nowhere", "file", "~nobody-of-this-name/home", "a\nb"])
def test_no_home_is_no_error(home: str, tmp_path: Path):
    (tmp_path / "file").touch()
    path = home if home.startswith("~") else str(tmp_path / home)
    done = said("completion", "--words", "results", MAMBENCH_HOME=path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert [each.name for each in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_is_plain_text_and_needs_no_home(shell: str, tmp_path: Path):
    done = said("completion", shell, MAMBENCH_HOME=str(tmp_path / "home"))
    assert done.returncode == 0 and done.stderr == "" and done.stdout.isascii() and done.stdout.endswith("\n")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_finds_no_mistake_in_its_script(shell: str, tmp_path: Path):
    (tmp_path / "script").write_text(said("completion", shell).stdout)
    done = subprocess.run([needed(shell), "-n", tmp_path / "script"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_parser_of_powershell_finds_no_mistake_in_its_script(tmp_path: Path):
    """PowerShell itself is in no package registry that tests may rely on; nobody has pressed TAB in it."""
    here = Path(__file__).parent
    for name in ("package.json", "mistakes.js"):
        shutil.copyfile(here / name, tmp_path / name)
    install = [
        needed("npm"),
        "install",
        "--silent",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--legacy-peer-deps",
    ]
    subprocess.run(install, cwd=tmp_path, check=True)

    def mistakes(text: str) -> list[str]:
        (tmp_path / "script.ps1").write_text(text)
        command = [needed("node"), "mistakes.js", "script.ps1"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout))

    script = said("completion", "powershell").stdout
    assert "Register-ArgumentCompleter -Native -CommandName mambench" in script
    assert mistakes(script) == [] and mistakes(script.replace("param([string]$Word)", "param([string]$Word"))
