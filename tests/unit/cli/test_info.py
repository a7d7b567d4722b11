"""What `info` tells."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from mambench.app.context import Mambench
from mambench.cli.commands import info
from mambench.cli.parser import parser
from mambench.environments.pypi.wheel import UvWheel
from mambench.system.home import Home
from mambench.terminal.console import Terminal


def test_a_uv_that_is_kept_in_the_home_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = tmp_path / "tools" / "uv"
    monkeypatch.setitem(sys.modules, "uv", None)  # as in the frozen program
    monkeypatch.setattr(UvWheel, "present", lambda _self: kept)
    app = Mambench(Home(tmp_path), environ={"PATH": str(tmp_path)}, terminal=Terminal(quiet=True))
    info.run(app, parser().parse_args(["info", "--json"]))
    assert f'"uv": {json.dumps(str(kept))}' in capsys.readouterr().out
