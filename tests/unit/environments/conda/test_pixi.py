"""pixi.lock without the library that writes it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from mambench.environments.conda import pixi
from mambench.errors import ProvisionError, UsageError


def test_without_py_rattler_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rattler", None)
    with pytest.raises(UsageError, match="py-rattler, which is not installed") as caught:
        pixi.lock_file(tmp_path, platform="linux-64", channels=(), folder=tmp_path)
    assert "`pip install py-rattler`" in caught.value.remedy


def test_a_record_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    pytest.importorskip("rattler", reason="not run: py-rattler is not here")
    prefix, folder = tmp_path / "prefix", tmp_path / "scratch"
    (prefix / "conda-meta").mkdir(parents=True)
    folder.mkdir()
    for text in ("[]", "{}", '{"url": "x"}', "{"):
        (prefix / "conda-meta" / "a-1-0.json").write_text(text)
        with pytest.raises(ProvisionError, match="cannot write the lock file"):
            pixi.lock_file(prefix, platform="linux-64", channels=("conda-forge",), folder=folder)
