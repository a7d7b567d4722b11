"""Where `--json` wants the report."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mambench import errors
from mambench.app import copy


def test_a_copy_is_tried_beforehand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert copy.copy_path(str(tmp_path / "copy.json")) == str(tmp_path / "copy.json")
    assert list(tmp_path.iterdir()) == []
    for wrong in (tmp_path, tmp_path / "missing" / "copy.json"):
        with pytest.raises(errors.UsageError):
            copy.copy_path(str(wrong))

    def refuse(**_options: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    with pytest.raises(errors.ReportError, match="Read-only file system"):
        copy.copy_path(str(tmp_path / "copy.json"))
