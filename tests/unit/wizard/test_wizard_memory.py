"""The last selection, remembered in the home."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from mambench.catalogue import manifest
from mambench.model import Choices
from mambench.system import resources
from mambench.system.home import Home
from mambench.wizard import memory

CATALOGUE = manifest.load_catalogue((resources.benchmarks(), resources.environments()), (Path("none"), Path("none")))


def test_a_selection_is_remembered(tmp_path: Path):
    choices = Choices(("jax-cpu",), preset="thorough", sizes=(512,), dtypes=("float32",), threads=(2,), source="pypi")
    memory.remember(Home(tmp_path), choices)
    assert memory.recall(Home(tmp_path), CATALOGUE) == choices
    memory.remember(Home(tmp_path), replace(choices, channels=("https://me:secret@example.org/c", "conda-forge")))
    assert "secret" not in (tmp_path / memory.FILE).read_text()


def test_benchmarks_are_remembered_without_what_they_no_longer_take(tmp_path: Path):
    choices = Choices(("jax-cpu",), benchmarks=("matmul", "bandwidth"), sizes=(1024,), dtypes=("float32",))
    memory.remember(Home(tmp_path), choices)
    assert memory.recall(Home(tmp_path), CATALOGUE) == choices
    memory.remember(Home(tmp_path), replace(choices, benchmarks=("gone", "bandwidth"), sizes=(1000,), dtypes=("tf32",)))
    assert memory.recall(Home(tmp_path), CATALOGUE) == replace(choices, benchmarks=("bandwidth",), sizes=(), dtypes=())
    memory.remember(Home(tmp_path), replace(choices, benchmarks=("gone",)))
    recalled = memory.recall(Home(tmp_path), CATALOGUE)
    assert recalled is not None and recalled.benchmarks == ("matmul",)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "null",
        '{"environments": 3}',
        '{"environments": ["gone"]}',
        '{"environments": ["jax-cpu"], "sizes": ["a"]}',
        '{"environments": ["jax-cpu"], "preset": "slow"}',
        '{"environments": ["jax-cpu"], "channels": [1]}',
    ],
)
def test_an_unsound_memory_is_none(tmp_path: Path, content: str):
    (tmp_path / memory.FILE).write_text(content)
    assert memory.recall(Home(tmp_path), CATALOGUE) is None


def test_stacks_that_are_gone_are_forgotten(tmp_path: Path):
    (tmp_path / memory.FILE).write_text(json.dumps({"environments": ["gone", "jax-cpu"], "unknown": 1}))
    recalled = memory.recall(Home(tmp_path), CATALOGUE)
    assert recalled is not None and recalled.environments == ("jax-cpu",)
