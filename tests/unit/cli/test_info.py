"""What `info` tells."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
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


def test_what_nodes_of_one_cluster_depart_in_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    app = Mambench(Home(tmp_path), environ={"PATH": str(tmp_path)}, terminal=Terminal())
    cpu = replace(app.machine.cpu, microcode="0x2b000603", boost=False, numa_nodes=4)
    app.__dict__["machine"] = replace(app.machine, cpu=cpu, kernel="6.1.0-18-amd64", firmware="2.19.1 (06/04/2024)")
    info.run(app, parser().parse_args(["info"]))
    text = " ".join(capsys.readouterr().out.split())
    for words in ("microcode 0x2b000603", "boost off", "NUMA nodes 4", "kernel 6.1.0-18-amd64", "firmware 2.19.1 (06/"):
        assert words in text
    info.run(app, parser().parse_args(["info", "--json"]))
    machine = json.loads(capsys.readouterr().out)["machine"]
    assert (machine["firmware"], machine["cpu"]["boost"]) == ("2.19.1 (06/04/2024)", False)
    unknown = replace(cpu, microcode=None, boost=None, numa_nodes=None)
    app.__dict__["machine"] = replace(app.machine, cpu=unknown, kernel=None, firmware=None)
    info.run(app, parser().parse_args(["info"]))
    assert not {"microcode", "boost", "NUMA", "firmware"} & set(capsys.readouterr().out.split())
