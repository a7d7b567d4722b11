"""Tests run on a computer with 8 hardware threads, whatever this one has."""

from __future__ import annotations

import pytest
from fake_computer import FakePsutil

from mambench.machine import memory, processor


@pytest.fixture(autouse=True)
def eight_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (memory, processor):
        monkeypatch.setattr(module, "psutil", FakePsutil())
    monkeypatch.setattr(processor, "_affinity_cores", lambda: 8)
