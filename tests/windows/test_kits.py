"""What was fetched on Linux for Windows makes an environment there, without a network."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from windows.computer import Computer

pytestmark = pytest.mark.timeout(600)


def test_a_kit_from_another_computer_is_used(computer: Computer, empty: str, tmp_path: Path):
    python = computer.run("-c", "import sys; print('%d.%d' % sys.version_info[:2])").out.strip()
    words = ["fetch", "numpy-openblas", "--source", "pypi", "--platform", "win-64", "--python", python, "--yes"]
    home = tmp_path / "home"
    environ = {**os.environ, "MAMBENCH_HOME": str(home), "MAMBENCH_OTHER_HOMES": "ignore"}
    fetched = subprocess.run(
        [sys.executable, "-m", "mambench", *words], env=environ, capture_output=True, text=True, check=False
    )
    assert fetched.returncode == 0, fetched.stdout + fetched.stderr
    computer.linux_path(empty).mkdir(parents=True)
    (home / "kit").rename(computer.linux_path(empty) / "kit")
    no_network = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    words = ["env", "create", "numpy-openblas", "--source", "pypi", "--offline"]
    done = computer.mambench(*words, home=empty, environ=no_network)
    assert done.code == 0, done.text
    assert "nothing to download" in done.text
    words = ["env", "exec", "numpy-openblas", "--", "python", "-c", "import numpy; print(numpy.__version__)"]
    used = computer.mambench(*words, home=empty, environ=no_network)
    assert used.out.strip().startswith("2."), used.text
