"""Fixtures of the end-to-end tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.driver import Bench

pytest.importorskip("numpy", reason="the toy kernels and the check in the worker need numpy")


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """A home with the clean kernel only."""
    made = Bench(tmp_path)
    made.install("clean")
    yield made
    made.end_all()


@pytest.fixture
def alone(bench: Bench) -> Iterator[Bench]:
    """The same, and nothing of it may live on when the program has ended."""
    yield bench
    bench.wait_until_alone()
