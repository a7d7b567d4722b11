"""After many runs the home has grown by results and logs, and by nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from e2e.driver import Bench
from promises import Cases

pytestmark = pytest.mark.promise("lives")

KEPT = ("results", "logs")
"""What is there to stay."""

A_RUN_BYTES = 1_200_000
"""Of its report, page and logs: a page carries the scripts that draw it, some 0.9 MB."""


def contents(folder: Path) -> dict[str, int]:
    """Bytes by name, of all that a home has beside its results and logs."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    every = {path.relative_to(folder): path.stat().st_size for path in paths}
    return {str(path): size for path, size in every.items() if path.parts[0] not in KEPT}


@pytest.mark.parametrize("times", [6, pytest.param(100, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_the_home_grows_by_results_and_logs_only(alone: Bench, times: int, cases: Cases):
    alone.install("clean", "prints", "raises")
    assert alone.run().code == 4
    first = contents(alone.home)
    for number in range(times):
        with cases.case(f"run {number + 2}"):
            done = alone.run()
            assert done.code == 4, done.text
            after = contents(alone.home)
            assert after == first, {name: size for name, size in after.items() if first.get(name) != size}
    cases.none_fell()
    grown = sum(path.stat().st_size for name in KEPT for path in (alone.home / name).rglob("*") if path.is_file())
    assert grown < A_RUN_BYTES * (times + 1), grown
