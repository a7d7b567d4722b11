"""Where uv comes from: which is chosen, what is asked before a download, what is said where none can be."""

from __future__ import annotations

import tomllib
from pathlib import Path

from mambench.environments.pypi import uv
from mambench.environments.pypi.bootstrap import TOOLS, find_uv


def test_one_range_of_uv_everywhere() -> None:
    content = tomllib.loads((Path(__file__).parents[4] / "pyproject.toml").read_text())
    assert f"uv{uv.VERSIONS}" in content["project"]["dependencies"]
    assert TOOLS.conda is not None and f"uv{uv.VERSIONS}" in TOOLS.conda.packages


def test_the_uv_that_a_variable_names_is_taken() -> None:
    assert find_uv({"MAMBENCH_UV": "/mine/uv"}) == Path("/mine/uv")
