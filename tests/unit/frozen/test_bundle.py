"""Whose bundle is swept."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mambench.frozen import bundle


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_only_unused_bundles_of_ours_are_swept(tmp_path: Path):
    import fcntl

    dead = "_MEI7fffffffAbCdEf"
    (tmp_path / dead).mkdir()
    (tmp_path / dead / bundle.MARKER).touch()
    (tmp_path / "_MEI7ffffffeAbCdEf").mkdir()
    with (tmp_path / dead / bundle.MARKER).open() as held:
        fcntl.flock(held, fcntl.LOCK_SH)
        bundle.sweep(tmp_path)
        assert (tmp_path / dead).is_dir()
    bundle.sweep(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["_MEI7ffffffeAbCdEf"]
