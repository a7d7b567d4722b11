"""The system's proxies as variables; what urllib finds in the system's settings is a fake."""

from __future__ import annotations

import urllib.request

import pytest

from mambench.system.proxies import variables

pytestmark = pytest.mark.promise("networks")

PROXY = "http://proxy.example.org:3128"


@pytest.fixture(autouse=True)
def _settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "getproxies", lambda: {"http": PROXY, "https": PROXY, "ftp": PROXY})
    monkeypatch.setattr(urllib.request, "proxy_bypass", lambda host: host.endswith(".intranet"))


def test_the_systems_proxy_is_handed_on_in_the_letters_that_curl_reads() -> None:
    assert variables({}, ["conda.anaconda.org"]) == {"http_proxy": PROXY, "https_proxy": PROXY}


def test_hosts_that_the_system_reaches_directly_stay_direct() -> None:
    hosts = ["mirror.intranet", "", "conda.anaconda.org", "mirror.intranet"]
    assert variables({}, hosts)["no_proxy"] == "mirror.intranet"
    assert "no_proxy" not in variables({"NO_PROXY": "x"}, hosts)


@pytest.mark.parametrize("name", ["HTTP_PROXY", "https_proxy", "ALL_PROXY"])
def test_what_the_user_says_counts(name: str) -> None:
    assert variables({name: "http://mine:1"}, ["conda.anaconda.org"]) == {}


def test_without_a_proxy_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urllib.request, "getproxies", dict)
    assert variables({}, ["mirror.intranet"]) == {}
