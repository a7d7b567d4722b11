"""The script that freezes, where its downloads are blocked."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def test_without_the_channel_it_names_what_helps(tmp_path: Path):
    if any((ROOT / "resources" / "mm").glob("*.tar.bz2")):
        pytest.skip("the archive was downloaded before: nothing is asked of the channel")
    proxies = dict.fromkeys(("HTTPS_PROXY", "https_proxy"), "http://127.0.0.1:9")
    environ = {**os.environ, **proxies, "NO_PROXY": "", "no_proxy": ""}
    command = [sys.executable, str(ROOT / "scripts" / "freeze.py"), "--out", str(tmp_path)]
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 1
    assert "cannot download https://conda.anaconda.org/conda-forge" in done.stderr
    assert "--micromamba FILE" in done.stderr and "--no-micromamba" in done.stderr
