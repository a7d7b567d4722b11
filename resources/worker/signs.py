"""The signs of rows of A and B: changed before each sample, as nobody can foresee, and held against the matrices.

With half of B's rows changed every entry of C is another one, and nothing cheap makes it from the one before: that
takes half of the product's arithmetic. One row of A in 64 changes as well. After setup some columns of A and B, which
no kernel can know, are copied; whenever the matrices are read they have to be those, times the signs asked for since.
"""

from __future__ import annotations

import importlib
import secrets
from typing import Any, Callable

import check

Rows = Callable[[int, int], Any]

WATCHED_COLUMNS = 8
CHANGED_SHARE_OF_A = 64
CHANGED_SHARE_OF_B = 2

_random = secrets.SystemRandom()


class Operand:
    """One operand's rows: what some of its columns held at first, and how often each row changed sign since."""

    def __init__(self, name: str, rows: Rows, shape: tuple[int, int]) -> None:
        self._name = name
        self._numpy: Any = importlib.import_module("numpy")
        count, length = shape
        self._columns = sorted(_random.sample(range(length), min(length, WATCHED_COLUMNS)))
        self._signs = self._numpy.ones((count, 1))
        blocks = [self._numpy.array(rows(*span), dtype="float64")[:, self._columns] for span in check.spans(*shape)]
        self._values = self._numpy.concatenate(blocks)

    def changed(self, share: int) -> list[int]:
        """Choose one row in `share`, at least one, in rising order, and expect their signs to change."""
        count = len(self._signs)
        rows = sorted(_random.sample(range(count), max(1, count // share)))
        self._signs[rows] *= -1.0
        return rows

    def watched(self, rows: Rows) -> Rows:
        """Return the reader; it raises check.BadBlock where rows are not what they have to be."""

        def read(start: int, stop: int) -> Any:
            block = self._numpy.asarray(rows(start, stop), dtype="float64")
            wanted = self._values[start:stop] * self._signs[start:stop]
            if block.shape[:1] != wanted.shape[:1] or block.shape[1] <= self._columns[-1]:
                return block  # who reads it says which shape it has to have
            wrong = self._numpy.flatnonzero((block[:, self._columns] != wanted).any(axis=1))
            if len(wrong):
                what = f"row {start + int(wrong[0])} of {self._name}"
                raise check.BadBlock(f"{what} is not that of setup with the changes of sign that flip was asked for")
            return block

        return read


class Signs:
    """Both operands: A is m x k, B is k x n."""

    def __init__(self, a: Rows, b: Rows, shape: check.Shape) -> None:
        m, n, k = shape
        self.a, self.b = Operand("A", a, (m, k)), Operand("B", b, (k, n))

    def change(self) -> tuple[list[int], list[int]]:
        """Choose the rows of A and of B that change sign now."""
        return self.a.changed(CHANGED_SHARE_OF_A), self.b.changed(CHANGED_SHARE_OF_B)
