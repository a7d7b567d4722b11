"""`--source auto`: conda where it can be reached, else pypi, with the reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from environments.house import House
from standin.channel import NUMPY_VERSION
from standin.server import ChannelServer, Fault

PACKAGES = ("python", f"numpy={NUMPY_VERSION}", "libblas=*=*openblas")


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with numpy's wheel: all that pypi is asked for."""
    folder = tmp_path_factory.getbasetemp() / "wheels"
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    subprocess.run([*command, "--dest", str(folder), f"numpy=={NUMPY_VERSION}"], check=True)
    return folder


@pytest.fixture
def both(house: House, wheels: Path) -> House:
    """A stack that either source can make."""
    house.offer("both", *PACKAGES, pypi=[f"numpy=={NUMPY_VERSION}"])
    house.environ |= {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels)}
    return house


def made_from(house: House, source: str) -> str:
    """The warnings of the only row, which is ok and made from this source."""
    row = house.row()
    assert (row["status"], row["environment"]) == ("ok", f"both@{source}"), row
    return " ".join(row["warnings"])


def test_conda_comes_first(both: House):
    assert both.run("both", source="auto").code == 0
    assert "pypi" not in made_from(both, "conda")


def test_missing_micromamba(both: House):
    both.environ["MAMBENCH_MICROMAMBA"] = "/no/such/micromamba"
    done = both.run("both", source="auto")
    assert done.code == 0, done.text
    warnings = made_from(both, "pypi")
    assert "not from conda" in warnings and "/no/such/micromamba" in warnings
    assert "not from conda" in done.text


def test_unreachable_channel(both: House):
    done = both.run("both", source="auto", channel="http://127.0.0.1:9")
    assert done.code == 0, done.text
    warnings = made_from(both, "pypi")
    assert "the channel cannot be used" in warnings and "connection refused by 127.0.0.1:9" in warnings


def test_report_says_where_uv_was_sent(both: House, wheels: Path):
    both.environ |= {"UV_PRERELEASE": "allow", "UV_INDEX_MINE_PASSWORD": "secret"}
    assert both.run("both", source="pypi").code == 0
    told = {"UV_NO_INDEX": "1", "UV_FIND_LINKS": str(wheels), "UV_INDEX_MINE_PASSWORD": "***"}
    environment = both.environment()
    assert environment["installer_variables"].items() >= told.items()  # pip's configuration here may add to it
    assert "UV_PRERELEASE" not in environment["installer_variables"]
    assert environment["variables"] == {}


def test_channel_that_stalls_is_passed_over_soon(both: House, server: ChannelServer):
    server.faults["*repodata*"] = Fault(stall_after_bytes=0)
    done = both.run("both", source="auto", channel=server.url)
    assert done.code == 0, done.text
    assert "timed out" in made_from(both, "pypi")
    assert done.seconds < 20


def test_broken_network_in_the_middle_falls_through_once(both: House, server: ChannelServer):
    server.faults["*numpy-2*"] = Fault(cut_after_bytes=1000)
    done = both.run("both", source="auto", channel=server.url)
    assert done.code == 0, done.text
    assert "made from pypi: cannot install the packages: connection to 127.0.0.1 broke off" in made_from(both, "pypi")
    assert len(both.installs()) == 1
    assert len(both.prefixes()) == 1


def test_what_is_no_matter_of_the_network_does_not_fall_through(both: House):
    both.offer("both", *PACKAGES, "nosuchpkg", pypi=[f"numpy=={NUMPY_VERSION}"])
    assert both.run("both", source="auto").code == 3
    assert both.row()["failure"]["reason"] == "provision"


def test_ready_it_needs_no_network_and_no_probe(both: House, server: ChannelServer):
    assert both.run("both", source="auto", channel=server.url).code == 0
    asked = sum(server.requests.values())
    for more in ([], ["--offline"]):
        assert both.run("both", source="auto", channel=server.url, more=more).code == 0
        assert made_from(both, "conda") is not None
    assert sum(server.requests.values()) == asked


def test_offline_without_anything_ready_says_so(both: House, server: ChannelServer):
    for name in ("UV_NO_INDEX", "UV_FIND_LINKS"):
        del both.environ[name]
    done = both.run("both", source="auto", channel=server.url, more=["--offline"])
    assert done.code == 3, done.text
    assert "run once with" in both.row()["failure"]["message"]
    assert sum(server.requests.values()) == 0


def test_ready_from_pypi_is_used_when_conda_is_not_ready(both: House):
    assert both.run("both", source="auto", channel="http://127.0.0.1:9").code == 0
    both.calls_file.unlink(missing_ok=True)
    assert both.run("both", source="auto").code == 0
    assert both.calls() == []
