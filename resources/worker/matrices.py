"""Operands and results as row blocks: what a kernel gives is read as float64, a bounded part at a time.

A kernel gives a callable rows(start, stop) that returns those rows as float64 (anything `numpy.asarray` takes; a
narrower floating type is widened exactly). numpy is imported from the environment on first use.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator
from typing import Any, Callable

Rows = Callable[[int, int], Any]

# Converted rows, their squares and what is computed of them are held at once: four of these stay under 64 MiB.
BLOCK_BYTES = 12 * 2**20


class BadBlock(ValueError):
    """A matrix is not what it has to be: its shape is wrong, or its rows are others."""


class Matrix:
    """Rows of float64 with a name; `shape` is (rows, columns). Reading a block of another shape raises BadBlock."""

    def __init__(self, name: str, rows: Rows, shape: tuple[int, int]) -> None:
        self.name = name
        self.shape = shape
        self._rows = rows

    def __call__(self, start: int, stop: int) -> Any:
        """Return these rows as a block of float64."""
        numpy: Any = importlib.import_module("numpy")
        block = numpy.asarray(self._rows(start, stop), dtype=numpy.float64)
        wanted = (stop - start, self.shape[1])
        if block.shape != wanted:
            raise BadBlock(f"rows {start} to {stop} of {self.name} have shape {block.shape}, not {wanted}")
        return block

    def blocks(self) -> Iterator[tuple[int, int, Any]]:
        """Yield (start, stop, rows of those), from the first to the last."""
        return ((start, stop, self(start, stop)) for start, stop in spans(*self.shape))

    def part(self, start: int, stop: int) -> Matrix:
        """Return the matrix of these rows alone."""
        return Matrix(self.name, lambda first, last: self(start + first, start + last), (stop - start, self.shape[1]))


def numpy_is_there() -> bool:
    """Say whether the environment has the numpy that checks need."""
    return importlib.util.find_spec("numpy") is not None


def spans(rows: int, columns: int) -> Iterator[tuple[int, int]]:
    """Cut rows into blocks of at most BLOCK_BYTES as float64."""
    step = max(1, BLOCK_BYTES // (8 * columns))
    return ((start, min(start + step, rows)) for start in range(0, rows, step))
