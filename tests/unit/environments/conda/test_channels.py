"""Channels: their addresses, several in one option, whether they can be reached; the network is a fake."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from mambench.environments.conda.channels import (
    DEFAULT_SERVER,
    channel_address,
    channel_url,
    channels_in,
    unreachable_channel,
    unreachable_channels,
)
from mambench.errors import NetworkError
from mambench.system import network


def test_a_channel_is_known_by_its_address(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert channel_address("https://example.org/a,b/") == "https://example.org/a,b"
    assert channel_address("./a,b") == str(tmp_path / "a,b")
    assert channel_url("conda-forge") == f"{DEFAULT_SERVER}conda-forge"
    assert channel_url("/srv/channel") == str(Path("/srv/channel").absolute())


def test_either_form_of_the_index_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    answers: Mapping[str, NetworkError | None] = {"zst": NetworkError("404"), "json": None}
    monkeypatch.setattr(network, "unreachable", lambda url, **_options: answers[url.rpartition(".")[2]])
    assert unreachable_channel("https://example.org/c", platform="linux-64") is None


def test_those_that_cannot_be_reached_are_told() -> None:
    problem = NetworkError("no")

    def ask(word: str) -> NetworkError | None:
        return {"a": None, "b": problem}[word]

    assert unreachable_channels(ask, ["a", "b", "a"]) == [problem]


@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("conda-forge", ("conda-forge",)),
        ("conda-forge,bioconda", ("conda-forge", "bioconda")),
        ("https://host/a,b", ("https://host/a,b",)),
        ("https://a/x,https://b/y", ("https://a/x", "https://b/y")),
        ("conda-forge,https://host/a,b,https://b/y", ("conda-forge", "https://host/a,b", "https://b/y")),
        ("https://host/a,/srv/a", ("https://host/a", "/srv/a")),
        ("/srv/a,b", ("/srv/a,b",)),
        ("/srv/a,b,bioconda", ("/srv/a,b", "bioconda")),
        ("/srv/a,c", ("/srv/a", "c")),
        ("~/a,conda-forge,", ("~/a", "conda-forge")),
        (",", ()),
    ],
)
def test_commas_part_channels_unless_they_belong_to_one(text: str, channels: tuple[str, ...]) -> None:
    assert channels_in(text, exists=lambda path: path in ("/srv/a", "/srv/a,b")) == channels
