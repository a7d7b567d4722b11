"""Work in copies of the process: the same answers in the same order, and nothing left behind."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

import psutil
import pytest

from mambench.system import forks

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there are no copies")


@pytest.fixture(autouse=True)
def four_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)


def work(numbers: Sequence[int]) -> tuple[int, list[int]]:
    return os.getpid(), [number * number for number in numbers]


def children() -> set[psutil.Process]:
    return set(psutil.Process().children())


@pytest.mark.parametrize(("count", "parts"), [(0, 1), (9, 1), (10, 2), (17, 3), (100, 4)])
def test_all_parts_are_answered_in_their_order(count: int, parts: int) -> None:
    before = children()  # a guard that an earlier test has started
    answers = list(forks.in_parts(work, list(range(count)), least=5))
    assert [number for _, part in answers for number in part] == [number * number for number in range(count)]
    assert len({pid for pid, _ in answers}) == parts and answers[0][0] == os.getpid()
    assert children() == before


def test_what_a_copy_does_not_answer_is_worked_out_here() -> None:
    own = os.getpid()

    def dies(numbers: Sequence[int]) -> tuple[int, list[int]]:
        if os.getpid() != own and 7 in numbers:
            os._exit(1)
        return work(numbers)

    answers = list(forks.in_parts(dies, list(range(20)), least=5))
    assert [number for _, part in answers for number in part] == [number * number for number in range(20)]
    assert [pid == own for pid, _ in answers] == [True, True, False, False]


def test_copies_end_with_what_asked_them() -> None:
    own, before = os.getpid(), children()

    def slow(numbers: Sequence[int]) -> int:
        if os.getpid() == own:
            raise KeyboardInterrupt
        time.sleep(600)
        return len(numbers)

    with pytest.raises(KeyboardInterrupt):
        list(forks.in_parts(slow, list(range(20)), least=5))
    assert children() == before
