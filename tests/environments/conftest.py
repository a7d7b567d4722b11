"""Fixtures: a house for each test, the channel for all."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.house import REAL, House
from standin.channel import build_channel
from standin.server import ChannelServer, serve

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]


@pytest.fixture(scope="session")
def channel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small channel: MAMBENCH_TEST_CHANNEL, else one that is built."""
    named = os.environ.get("MAMBENCH_TEST_CHANNEL")
    if named:
        return Path(named.removeprefix("file://")).resolve()
    kept = os.environ.get("MAMBENCH_TEST_CHANNEL_CACHE")
    folder = Path(kept) if kept else tmp_path_factory.getbasetemp() / "channel"
    folder.mkdir(parents=True, exist_ok=True)
    return build_channel(folder.resolve())


@pytest.fixture
def house(tmp_path: Path, channel: Path) -> Iterator[House]:
    """A fresh home; whatever the test started is gone afterwards, by itself."""
    made = House(tmp_path, channel)
    try:
        yield made
        made.wait_until_alone()
    finally:
        made.end_all()


@pytest.fixture
def server(channel: Path) -> Iterator[ChannelServer]:
    """The channel over http."""
    with serve(channel) as served:
        yield served


@pytest.fixture(params=["release", "main"] if REAL is None else ["real"])
def shape(request: pytest.FixtureRequest, house: House) -> str:
    """Each JSON shape; a real micromamba has its own."""
    if REAL is None:
        house.use_micromamba(shape=request.param)
    return str(request.param)
