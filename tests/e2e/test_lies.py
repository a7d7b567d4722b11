"""Kernels that lie about their work: none gets a number, whatever the honest one beside it gets."""

from __future__ import annotations

import pytest

from e2e.driver import KERNELS, Bench

pytestmark = pytest.mark.promise("workers")

LIES = sorted(path.stem for path in KERNELS.glob("lies_*.py"))
SIZE = "384"
"""A product of milliseconds: one that takes less is batched, one that takes more makes the tests slow."""

LARGE = {"lies_lazily_read": "2048", "lies_setup": "2048"}
"""They say a time of their own choice, which at a smaller size is one that a slow processor could have taken."""


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_gets_a_number(alone: Bench, lie: str):
    alone.install(lie)
    done = alone.run("--size", LARGE.get(lie, SIZE))
    (row,) = alone.report()["results"]
    assert row["status"] == "failed", (row["gflops"], row["rounds"][0]["clocks"])
    assert row["failure"]["reason"] in ("wrong_result", "implausible"), row["failure"]
    assert row["gflops"] is None and row["verified"] is False
    assert done.code == 4 or done.code == 3, done.text


def test_keeping_products_by_their_operands_gains_nothing(alone: Bench):
    """Operands change before every sample: each product is computed, so a number is a true one, hashing included."""
    alone.install("caches")
    alone.run("--size", "512")
    (row,) = alone.report()["results"]
    (one,) = row["rounds"]
    assert one["facts"]["computed"] >= len(one["samples"]) + len(one["warmup_seconds"])


@pytest.mark.parametrize("honest", ["clean", "prints"])
@pytest.mark.parametrize("size", ["32", SIZE, "1024"])
def test_honest_kernels_have_one(alone: Bench, honest: str, size: str):
    alone.install(honest)
    done = alone.run("--size", size)
    (row,) = alone.report()["results"]
    assert (row["status"], row["verified"]) == ("ok", True), row["failure"]
    assert done.code == 0
    (one,) = row["rounds"]
    assert set(one["clocks"]) == {"run_seconds", "cpu_seconds", "worker_seconds", "launcher_seconds"}
    assert all(type(check["seed"]) is int for check in one["checks"])
