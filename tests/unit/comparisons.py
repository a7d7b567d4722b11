"""Reports of two stacks, one of them faster."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from builders import a_report, a_round, a_size, a_trial, an_environment

from mambench.analysis.results import summarise
from mambench.model import Check, Failure, Reason, Report, Result, Sample, Size, WrongEntry


def a_row(stack: str = "numpy-openblas@pypi", seconds: float = 0.1, *, rounds: int = 3, **changes: Any) -> Result:
    samples = [tuple(Sample(i + 1.0, seconds * (1 + 0.001 * (i + r))) for i in range(6)) for r in range(rounds)]
    return summarise(a_trial(stack, **changes), [a_round(r, r, samples=samples[r]) for r in range(rounds)])


def a_wrong_row(**changes: Any) -> Result:
    """Of a product that failed verification, with the entry that is most wrong."""
    row = a_row(**changes)
    checks = (Check("freivalds", 1.0, 1e-13, ok=False, wrong_entry=WrongEntry((12, 345), 1.25, 0.98)),)
    failure = Failure("failed", Reason.WRONG_RESULT, "the product is wrong")
    rounds = tuple(replace(each, checks=checks) for each in row.rounds)
    return replace(row, status="failed", failure=failure, rounds=rounds, seconds=None, rate=None)


def a_comparison(**changes: Any) -> Report:
    rows = (a_row(), a_row("numpy-mkl@conda", 0.131))
    fields: dict[str, Any] = {"results": rows, "complete": True, "environments": (an_environment(),)}
    return a_report(**{**fields, **changes})


STREAM = Size("4096", (("n", 4096),), (("GB/s", 2.0),))


def across_benchmarks(*stacks: str, **changes: Any) -> Report:
    """Each stack is a fifth slower than the one before it, in a product and in one more benchmark."""
    rows = [
        a_row(stack, 0.1 * 1.2**index, benchmark=name, size=size)
        for name, size in (("matmul", a_size(512)), ("stream", STREAM))
        for index, stack in enumerate(stacks)
    ]
    return a_comparison(results=tuple(rows), **changes)
