"""The limit on paths, and the prefix that lifts it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mambench.system import long_paths


@pytest.mark.parametrize(
    ("path", "prefixed"),
    [
        (r"C:\a\b", r"\\?\C:\a\b"),
        (r"\\server\share\a", r"\\?\UNC\server\share\a"),
        (r"\\?\C:\a", r"\\?\C:\a"),
    ],
)
def test_the_prefix_lifts_the_limit(path: str, prefixed: str) -> None:
    assert long_paths.prefixed(path) == prefixed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has a limit")
def test_elsewhere_there_is_no_limit(tmp_path: Path) -> None:
    assert long_paths.longest() is None
    assert long_paths.unlimited(tmp_path) == tmp_path
