"""Fixtures for the tests of the stand-in."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from standin.channel import build_channel
from standin.sandbox import Sandbox


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the built channel, kept in MAMBENCH_TEST_CHANNEL_CACHE if that is set."""
    kept = os.environ.get("MAMBENCH_TEST_CHANNEL_CACHE")
    folder = Path(kept) if kept else tmp_path_factory.getbasetemp() / "channel"
    folder.mkdir(parents=True, exist_ok=True)
    return build_channel(folder.resolve())


@pytest.fixture
def box(tmp_path: Path, channel: Path) -> Sandbox:
    return Sandbox(tmp_path, f"file://{channel}")
