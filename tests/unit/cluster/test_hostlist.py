"""Slurm's short forms of many names."""

from __future__ import annotations

import pytest

from mambench.cluster.hostlist import expanded, numbers, shortened


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", []),
        ("n1", ["n1"]),
        ("n[1-3]", ["n1", "n2", "n3"]),
        ("n[08-10,12],login", ["n08", "n09", "n10", "n12", "login"]),
        ("rack[1-2]n[1-2]", ["rack1n1", "rack1n2", "rack2n1", "rack2n2"]),
        ("n[1-2].example.org,m5", ["n1.example.org", "n2.example.org", "m5"]),
    ],
)
def test_a_list_of_nodes_is_expanded(text: str, names: list[str]):
    assert expanded(text) == names


def test_ranks_are_listed():
    assert numbers("0-2,5") == ["0", "1", "2", "5"]


def test_many_names_are_cut():
    names = ["login", "n1", "n2", "n10"]
    assert shortened(names, 2) == "login, n1 and 2 more"
    assert shortened(names, 4) == "login, n1, n2, n10"
