"""The signs of the operands' rows: changed before each sample, as nobody can foresee, and held against the matrices.

With half of the rows of a product's B changed every entry of C is another one, and nothing cheap makes it from the one
before: that takes half of the product's arithmetic. After setup some columns of each operand, which no kernel can
know, are copied; whenever the matrices are read they have to be those, times the signs asked for since.
"""

from __future__ import annotations

import importlib
import secrets
from collections.abc import Sequence
from typing import Any

from matrices import BadBlock, Matrix, Rows
from request import Layout

WATCHED_COLUMNS = 8

_random = secrets.SystemRandom()


class Operand:
    """One operand's rows: what some of its columns held at first, and how often each row changed sign since."""

    def __init__(self, layout: Layout, rows: Rows) -> None:
        self._layout = layout
        self._numpy: Any = importlib.import_module("numpy")
        self._columns = sorted(_random.sample(range(layout.columns), min(layout.columns, WATCHED_COLUMNS)))
        self._signs = self._numpy.ones((layout.rows, 1))
        matrix = Matrix(layout.name, rows, layout.shape)
        # Copied whole, so that it takes as long as a pass over the operand, with which changes of sign are compared.
        copies = (self._numpy.array(block) for _, _, block in matrix.blocks())
        self._values = self._numpy.concatenate([block[:, self._columns] for block in copies])

    def change(self) -> list[int]:
        """Choose as many rows as the layout says, at least one, in rising order, and expect their signs to change."""
        count = self._layout.rows
        rows = sorted(_random.sample(range(count), max(1, count // self._layout.changes)))
        self._signs[rows] *= -1.0
        return rows

    def watched(self, matrix: Matrix) -> Matrix:
        """Return the matrix, which raises BadBlock where rows are not what they have to be."""

        def read(start: int, stop: int) -> Any:
            block = matrix(start, stop)
            wanted = self._values[start:stop] * self._signs[start:stop]
            if self._layout.symmetric:
                wanted = wanted * self._signs[self._columns].T
            wrong = self._numpy.flatnonzero((block[:, self._columns] != wanted).any(axis=1))
            if len(wrong):
                what = f"row {start + int(wrong[0])} of {matrix.name}"
                raise BadBlock(f"{what} is not that of setup with the changes of sign that flip was asked for")
            return block

        return Matrix(matrix.name, read, matrix.shape)


class Signs:
    """Those of all operands; one that never changes is not watched."""

    def __init__(self, layouts: Sequence[Layout], readers: Sequence[Rows]) -> None:
        pairs = zip(layouts, readers)
        self._operands = [Operand(layout, rows) if layout.changes else None for layout, rows in pairs]

    @property
    def any(self) -> bool:
        """Whether there is one that changes."""
        return any(self._operands)

    def change(self) -> list[list[int]]:
        """Choose the rows of each operand that change sign now."""
        return [[] if operand is None else operand.change() for operand in self._operands]

    def watched(self, matrices: Sequence[Matrix]) -> list[Matrix]:
        """Return the operands, those that change held against what they have to be."""
        pairs = zip(self._operands, matrices)
        return [matrix if operand is None else operand.watched(matrix) for operand, matrix in pairs]
