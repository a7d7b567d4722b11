"""A home for tests of what lies in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mambench.system.home import Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "My bénchmarks")
    made.prepare()
    return made
