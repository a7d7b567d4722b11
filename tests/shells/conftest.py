"""Real shells in terminals of their own (tmux), as a person has them who pasted the README's line."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

PATIENCE_SECONDS = 30.0
"""A machine under load is slow, not wrong."""

START = {
    "bash": ["bash", "--noprofile", "--norc"],
    "zsh": ["zsh", "-f"],
    "fish": ["fish", "--no-config"],
}
SETTINGS = {
    "bash": "PS1='> '",
    "zsh": "PS1='> '; autoload -Uz compinit; compinit -u -D",
    "fish": "function fish_prompt; echo -n '> '; end; set -g fish_autosuggestion_enabled 0",
}


def needed(program: str) -> str:
    """The program's path; without it the test is skipped, with MAMBENCH_TEST_SHELLS=1 it fails."""
    path = shutil.which(program)
    if path is None and os.environ.get("MAMBENCH_TEST_SHELLS"):
        pytest.fail(f"{program} is not here")
    if path is None:
        pytest.skip(f"{program} is not here")
    return path


class Shell:
    """An interactive shell in a folder, with a home, and with the completion that `line` brings."""

    def __init__(self, name: str, line: str, *, home: Path, cwd: Path) -> None:
        self._socket = f"mambench-{os.getpid()}-{time.monotonic_ns()}"
        environ = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOME": str(cwd),
            "LANG": "C.UTF-8",
            "TERM": "screen",
            "MAMBENCH_HOME": str(home),
        }
        command = ["env", "-i", "-C", str(cwd), *(f"{key}={value}" for key, value in environ.items()), *START[name]]
        self._tmux("-f", os.devnull, "new-session", "-d", "-x", "160", "-y", "50", shlex.join(command))
        for each in (SETTINGS[name], line, "clear; echo rea''dy"):
            self._tmux("send-keys", "-l", each)
            self._tmux("send-keys", "Enter")
        self._wait("ready")

    def completed(self, line: str, *words: str) -> str:
        """The screen, once TAB after the line has brought these words: into the line, or offered below it."""
        self._tmux("send-keys", "C-u", "C-l")
        self._tmux("send-keys", "-l", line)
        return self._wait(*words, key="Tab")

    def end(self) -> None:
        """Close it."""
        self._tmux("kill-server")

    def _wait(self, *words: str, key: str = "") -> str:
        """Press the key again and again until the words are there and the screen stands still."""
        begin = time.monotonic()
        while True:
            if key:
                self._tmux("send-keys", key)
            time.sleep(0.5)
            seen = self._tmux("capture-pane", "-p")
            if all(word in seen.split() for word in words):
                return seen
            assert time.monotonic() - begin < PATIENCE_SECONDS, f"{words} did not come:\n{seen}"

    def _tmux(self, *words: str) -> str:
        done = subprocess.run(["tmux", "-L", self._socket, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with a stack, a benchmark and a report of its own, and with names that shells must not be given."""
    root = tmp_path / "home"
    for file in ("environments/mine.toml", "environments/$(touch pwned).toml", "environments/`touch pwned`.toml",
                 "benchmarks/sorting/benchmark.toml", "results/20261129T100000Z-host-0123abcd.json"):  # fmt: skip
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    return root


@pytest.fixture
def cwd(tmp_path: Path) -> Path:
    """The shell's current folder, and its person's home folder."""
    folder = tmp_path / "cwd"
    folder.mkdir()
    (folder / "before.json").touch()
    return folder


@pytest.fixture(params=list(START))
def shell(request: pytest.FixtureRequest, home: Path, cwd: Path) -> Iterator[Shell]:
    """Each of the shells, with the line that the README has for it."""
    needed("tmux")
    needed(request.param)
    made = Shell(request.param, LINES[request.param], home=home, cwd=cwd)
    yield made
    made.end()


README = Path(__file__).resolve().parents[2] / "README.md"
LINES = {
    shell: line
    for line, shell in re.findall(
        r"^\S.*?  +(.*mambench completion (\w+).*)$", README.read_text(encoding="utf-8"), re.MULTILINE
    )
}
"""What the README says to write into a shell's own file."""
