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


def test_the_entry_that_is_wrong_is_named_wherever_the_row_is_shown(alone: Bench):
    """A product of which one entry is corrupted, in a bench of two kernels of which the other is honest."""
    alone.install("clean", "corrupts")
    done = alone.run("--size", "96", "--markdown", "row.md", "--dtype", "float32")
    wrong, honest = sorted(alone.report()["results"], key=lambda row: row["status"])
    assert (wrong["status"], honest["status"]) == ("failed", "ok")
    (entry,) = {str(check["wrong_entry"]["index"]) for check in wrong["rounds"][0]["checks"] if not check["ok"]}
    assert entry == "[3, 5]"
    words = "the result is wrong for float32 at n = 96: entry [3, 5] is "
    assert wrong["failure"]["message"].startswith(words) and "check_matmul.py)" in wrong["failure"]["message"]
    markdown = (alone.cwd / "row.md").read_text(encoding="utf-8")
    for shown in (" ".join(done.text.split()), markdown.replace("\\", "")):
        assert words in shown, shown
    assert all(check.get("wrong_entry") is None for check in honest["rounds"][0]["checks"])
