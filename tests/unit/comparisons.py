"""Reports of two stacks, one of them faster."""

from __future__ import annotations

from typing import Any

from builders import a_report, a_round, a_size, a_trial, an_environment

from mambench.analysis.results import summarise
from mambench.model import Report, Result, Sample, Size


def a_row(stack: str = "numpy-openblas@pypi", seconds: float = 0.1, *, rounds: int = 3, **changes: Any) -> Result:
    samples = [tuple(Sample(i + 1.0, seconds * (1 + 0.001 * (i + r))) for i in range(6)) for r in range(rounds)]
    return summarise(a_trial(stack, **changes), [a_round(r, r, samples=samples[r]) for r in range(rounds)])


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
