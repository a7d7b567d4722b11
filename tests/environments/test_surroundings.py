"""What the person has set does not reach micromamba, and nothing outside the home changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from environments.house import STACK, House
from footprint import changed_outside, listing, needs_strace, traced
from standin.server import ChannelServer

pytestmark = pytest.mark.promise("contained")

BROKEN = "channels: [unclosed\n\t- broken: {\n"


@pytest.mark.promise("surroundings")
@pytest.mark.usefixtures("shape")
def test_broken_settings_and_hostile_variables_have_no_effect(house: House, server: ChannelServer):
    config = house.user / "config"
    names = [".condarc", ".mambarc", ".conda/.condarc", ".conda/condarc", ".mamba/.mambarc"]
    names += ["config/conda/.condarc", "config/mamba/.mambarc"]
    for name in names:
        (house.user / name).parent.mkdir(parents=True, exist_ok=True)
        (house.user / name).write_text(BROKEN)
    hostile = {
        "XDG_CONFIG_HOME": str(config),
        "CONDARC": str(house.user / ".condarc"),
        "MAMBARC": str(house.user / ".mambarc"),
        "CONDA_PREFIX": str(house.user),
        "CONDA_PKGS_DIRS": str(house.user / "pkgs"),
        "CONDA_CHANNELS": "http://channel.invalid",
        "CONDA_SUBDIR": "win-64",
        "CONDA_OVERRIDE_CUDA": "99",
        "CONDA_OVERRIDE_GLIBC": "1.0",
        "CONDA_SAFETY_CHECKS": "disabled",
        "CONDA_SSL_VERIFY": "nonsense",
        "MAMBA_DRY_RUN": "true",
        "MAMBA_NO_RC": "1",
        "MAMBA_JSON": "maybe",
        "MAMBA_OFFLINE": "true",
        "MAMBA_ROOT_PREFIX": str(house.user / "root"),
        "MAMBA_DOWNLOAD_ONLY": "true",
        "MAMBA_ALWAYS_YES": "false",
        "PYTHONPATH": "",
        "LD_PRELOAD_NOT_REALLY": "x",
        "NETRC": str(house.user / "nothing"),
    }
    before = listing(house.user)
    done = finish_with(house, hostile, channel=server.url)
    assert done.code == 0, done.text
    assert house.row()["status"] == "ok"
    assert listing(house.user) == before


def finish_with(house: House, environ: dict[str, str], *, channel: str):
    house.environ |= environ
    return house.run(channel=channel)


def test_only_the_home_changes(house: House, server: ChannelServer):
    folders = (house.user, house.temporary, house.cwd, house.folder / "tools", house.channel_folder)
    before = listing(*folders)
    house.offer("gpu", "python", "toy-cuda")
    house.offer("bad", "python", "toy-badhash")
    for channel in (house.channel, server.url):
        assert house.run(STACK, "gpu", "bad", channel=channel).code == 4
    for words in (
        ["env", "list"],
        ["env", "path", STACK],
        ["env", "exec", STACK, "--", "python", "-c", "import numpy"],
        ["list"],
        ["env", "remove", STACK],
        ["env", "remove", "--all"],
    ):
        done = house.call(*words)
        assert done.code == 0, done.text
    # How full this computer's disk is says nothing about the program.
    findings = json.loads(house.call("doctor", "--channel", server.url, "--json").out)["findings"]
    assert [each for each in findings if each["state"] == "wrong" and each["name"] != "disk"] == []
    assert listing(*folders) == before


@needs_strace
def test_nothing_writes_outside_the_home_by_system_calls(house: House, server: ChannelServer, tmp_path: Path):
    house.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    traces = tmp_path / "traces"
    done = house.run(channel=server.url, wrapped=traced([], traces))
    assert done.code == 0, done.text
    assert changed_outside(traces, house.home, house.calls_file, cwd=house.cwd) == []
