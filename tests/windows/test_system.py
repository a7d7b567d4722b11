"""What is written for Windows alone, called in its python."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from windows.computer import Computer

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def told(computer: Computer) -> dict[str, Any]:
    done = computer.program("system")
    assert done.code == 0, done.text
    answers: dict[str, Any] = json.loads(done.out)
    return answers


def test_the_loaded_dlls_name_the_blas(told: dict[str, Any]):
    assert any("openblas" in name for name in told["loaded"])


def test_the_end_of_another_process_is_waited_for(told: dict[str, Any]):
    assert told["waited_seconds"] >= 0.5


def test_a_claimed_bundle_is_swept_only_when_its_program_is_gone(told: dict[str, Any]):
    assert told["swept"] == [False, True]


def test_a_file_that_another_program_holds_is_waited_for(told: dict[str, Any]):
    assert told["replaced_seconds"] >= 0.2


def test_processor_groups_are_counted(told: dict[str, Any]):
    assert sum(told["groups"]) == os.cpu_count()
