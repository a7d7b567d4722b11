"""Rows in their order, the fastest of each group, and the words of their cells: terminal, page and text alike. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from mambench.analysis.answer import speed
from mambench.analysis.words import counted
from mambench.model import Result, Trial


def figure(value: float) -> str:
    """Of a rate, four significant digits or so: 81.27, 812.7, 8,127."""
    if value < 100:
        return f"{value:.2f}"
    return f"{value:.1f}" if value < 1000 else f"{value:,.0f}"


def with_unit(value: float, trial: Trial) -> str:
    """`812.7 GFLOPS`."""
    return f"{figure(value)} {trial.unit}"


def row_name(trial: Trial) -> str:
    """The stack and the number of threads that was asked for."""
    return trial.stack_name if trial.threads is None else f"{trial.stack_name} ({counted(trial.threads, 'thread')})"


def source(trial: Trial) -> str:
    """`conda`, `pypi`, `existing`; a dash before the stack is made."""
    return trial.stack.source or "-"


def failure_words(result: Result) -> str:
    """`failed: wrong result`."""
    assert result.failure is not None
    return f"{result.status}: {result.failure.reason.replace('_', ' ')}"


def has_number(result: Result) -> bool:
    """Whether the row has a number to show."""
    return result.rate is not None and result.failure is None


DTYPE_ORDER = ("float64", "float32", "tf32", "bfloat16", "float16", "float8")
"""Of element types in tables and answers."""


def in_order(results: Iterable[Result]) -> list[Result]:
    """As in the table: fastest first within each device, size, dtype and number of threads."""
    return sorted(results, key=_order)


def by_benchmark(results: Iterable[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Each benchmark's name with its rows in order, in the order in which benchmarks were asked for."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.trial.benchmark, []).append(result)
    return ((name, in_order(rows)) for name, rows in groups.items())


def _order(result: Result) -> tuple[Any, ...]:
    trial = result.trial
    position = (
        trial.benchmark,
        trial.device,
        len(trial.beside),
        trial.work,
        trial.size.name,
        DTYPE_ORDER.index(trial.dtype),
        trial.threads or 0,
    )
    return *position, -speed(result), str(trial.stack)


def fastest(results: Iterable[Result]) -> dict[tuple[object, ...], Result]:
    """The fastest verified result of each group of trials."""
    best: dict[tuple[object, ...], Result] = {}
    for result in in_order(results):
        if result.verified:
            best.setdefault(result.trial.group, result)
    return best
