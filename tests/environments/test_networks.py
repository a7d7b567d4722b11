"""What a network does to the real uv: it is told in plain words, and nobody waits for long."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from environments.bad_hosts import AUTHORITY, CERTIFICATES, BadHost, bad_hosts
from environments.house import House
from environments.index import Index, Stack, serving
from mambench.environments.pypi.bootstrap import find_uv
from mambench.environments.pypi.wheel import UvWheel
from mambench.errors import NetworkError, ProvisionError, UnavailableError
from mambench.model import Provisioning
from mambench.system import network, resources
from mambench.system.home import Home

pytestmark = pytest.mark.promise("networks")


@pytest.fixture(autouse=True)
def _no_surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy and no certificates of whoever runs the tests."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def index() -> Iterator[Index]:
    with serving() as served:
        yield served


def test_the_index_itself_is_right(index: Index, tmp_path: Path):
    draft = Stack(tmp_path, index.url).make()
    assert (draft.unsized, draft.download_bytes) == (0, len(index.content))


@bad_hosts(long="sent to a login page, dns, refused, cut, silent")
def test_bad_index_is_told(house: House, tmp_path: Path, bad: BadHost):
    house.offer("toy", pypi=["toy==1.0"])
    with bad.url(tmp_path / "nothing") as url:
        house.environ |= {
            "SSL_CERT_FILE": str(AUTHORITY),
            "UV_DEFAULT_INDEX": f"{url}/simple",
            "PIP_CONFIG_FILE": os.devnull,
        }
        done = house.call("env", "create", "toy", "--source", "pypi", "--yes")
    bad.is_told(done, house)


@bad_hosts(long="silent")
def test_bad_index_is_told_where_uv_itself_is_looked_for(tmp_path: Path, bad: BadHost, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(AUTHORITY))
    home = Home(tmp_path / "home")
    home.prepare()
    with bad.url(tmp_path / "nothing") as url, pytest.raises(UnavailableError, match=bad.why) as caught:
        told = {"UV_DEFAULT_INDEX": f"{url}/simple", "PIP_CONFIG_FILE": os.devnull}
        UvWheel(home, resources.uv(), platform="linux-64", environ=told).locate(lambda _event: None)
    assert re.search(bad.then, caught.value.remedy) and "MAMBENCH_UV" in caught.value.remedy


def test_index_with_a_right_certificate(tmp_path: Path):
    with serving(certificate=CERTIFICATES / "right.pem") as index:
        Stack(tmp_path, index.url, environ={"SSL_CERT_FILE": str(AUTHORITY)}).solve()


def test_a_version_that_the_index_lacks_is_not_blamed_on_a_network(index: Index, tmp_path: Path):
    with pytest.raises(ProvisionError, match="no version of toy==9") as caught:
        Stack(tmp_path, index.url, "toy==9").solve()
    assert type(caught.value) is ProvisionError


@pytest.mark.parametrize("fault", ["truncated", "portal"])
@pytest.mark.parametrize("metadata", [True, False])
def test_a_wheel_that_does_not_come_whole_is_told(index: Index, tmp_path: Path, fault: str, metadata: bool):
    index.metadata, index.wheel = metadata, fault
    with pytest.raises(NetworkError, match=r"what came of toy(-1\.0-py3-none-any\.whl|==1\.0) is damaged") as caught:
        Stack(tmp_path, index.url).make()
    assert caught.value.remedy.startswith("try again; if it stays, a proxy or the mirror changes files")


@pytest.mark.long
def test_a_wheel_that_breaks_off_is_told(index: Index, tmp_path: Path):
    index.wheel = "cut"
    with pytest.raises(NetworkError, match="broke off") as caught:
        Stack(tmp_path, index.url).make()
    assert caught.value.remedy.startswith("try again")


@pytest.mark.parametrize("fault", ["missing", "unsized", "silent"])
def test_sizes_that_nobody_tells_are_unknown_and_in_nobodys_way(
    index: Index, tmp_path: Path, fault: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(network, "PROBE_SECONDS", 1.0)
    index.head = fault
    stack = Stack(tmp_path, index.url)
    begun = time.monotonic()
    draft = stack.make()
    assert (draft.unsized, draft.download_bytes) == (1, 0)
    assert time.monotonic() - begun < 10


def test_a_killed_uv_is_told_by_its_signal(index: Index, tmp_path: Path):
    uv = tmp_path / "uv"
    uv.write_text('#!/bin/sh\ncase "$*" in "pip "*) kill -KILL $$;; esac\necho uv 0.13.9\n')
    uv.chmod(0o755)
    with pytest.raises(ProvisionError, match=r"uv was killed by signal 9 \(SIGKILL\)") as caught:
        Stack(tmp_path, index.url, environ={"MAMBENCH_UV": str(uv)}).solve()
    assert "memory" in caught.value.remedy


@pytest.mark.parametrize(
    ("limit", "why", "then"),
    [
        ("-v 60000", r"ran out of memory|SIGABRT", "ulimit -v"),
        ("-f 100", r"uv was killed by signal 25 \(SIGXFSZ\)", "ulimit -f"),
        ("-n 10", "may not open so many files", "ulimit -n"),
    ],
)
def test_a_limit_of_the_system_is_told(index: Index, tmp_path: Path, limit: str, why: str, then: str):
    real = find_uv({"PATH": os.environ["PATH"]})
    limited = tmp_path / "uv"
    limited.write_text(f'#!/bin/sh\ncase "$*" in "pip "*) ulimit {limit};; esac\nexec "{real}" "$@"\n')
    limited.chmod(0o755)
    with pytest.raises(ProvisionError, match=why) as caught:
        Stack(tmp_path, index.url, environ={"MAMBENCH_UV": str(limited)}).make()
    assert then in caught.value.remedy


@pytest.mark.long
@pytest.mark.parametrize(("place", "fault"), [("page", "silent"), ("wheel", "silent"), ("wheel", "stalls")])
def test_a_silent_index_is_given_up_within_a_minute_and_told_meanwhile(
    index: Index, tmp_path: Path, place: str, fault: str
):
    stack = Stack(tmp_path, index.url)
    if place == "wheel":
        draft = stack.solve()
    setattr(index, place, fault)
    told: list[float] = [time.monotonic()]
    begun = told[0]

    def on_event(event: object) -> None:
        assert isinstance(event, Provisioning)
        told.append(time.monotonic())

    with pytest.raises(NetworkError, match="timed out"):
        if place == "wheel":
            stack.source.install(draft, on_event)
        else:
            stack.source.solve(stack.spec, on_event)
    told.append(time.monotonic())
    assert told[-1] - begun < 62
    assert max(after - before for before, after in zip(told, told[1:], strict=False)) < 10


@pytest.mark.long
def test_a_slow_wheel_that_moves_arrives(index: Index, tmp_path: Path):
    index.wheel = "drips"
    begun = time.monotonic()
    Stack(tmp_path, index.url).make()
    assert time.monotonic() - begun > 14
