"""The script that freezes: what it says where its downloads are blocked, which package index the program carries."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

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


@pytest.fixture
def freeze() -> Any:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("freeze", ROOT / "scripts" / "freeze.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pins(tmp_path: Path) -> Path:
    copy = tmp_path / "uv.toml"
    copy.write_bytes((ROOT / "resources" / "uv" / "uv.toml").read_bytes())
    return copy


def test_the_index_that_pip_names_is_carried(freeze: Any, pins: Path):
    text = "  -i, --index-url <url>  Base URL of the index (default https://example.org/simple). This should\n"
    before = tomllib.loads(pins.read_text())
    assert "index" not in before
    freeze.carry_index(pins, text)
    assert tomllib.loads(pins.read_text()) == {**before, "index": "https://example.org/simple"}


def test_without_a_pip_none_is_carried_and_said(freeze: Any, pins: Path, capsys: pytest.CaptureFixture[str]):
    freeze.carry_index(pins, "")
    assert "index" not in tomllib.loads(pins.read_text())
    assert "names no default index" in capsys.readouterr().out


def test_pip_here_names_one_whatever_it_is_configured_to(freeze: Any, pins: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PIP_INDEX_URL", "https://mirror.example.org/simple")
    freeze.carry_index(pins, freeze.help_of_pip())
    index = tomllib.loads(pins.read_text())["index"]
    assert index.startswith("https://") and "mirror" not in index
