"""In which order the rows take turns, so that no row follows the same neighbour in every round. Pure.

A worker leaves a warm or throttled machine to the next one: a row that always follows the same neighbour bears that
neighbour's mark, and no number of rounds shows it.
"""

from __future__ import annotations

import random


def orders(rows: int, rounds: int, *, seed: int) -> list[list[int]]:
    """For each round the rows in their order: rounds of a Williams design, the first as the rows stand.

    As many rounds as the design has are all different, then it begins again. E. J. Williams, "Experimental designs
    balanced for the estimation of residual effects of treatments", Aust. J. Sci. Res. A 2 (1949).
    """
    first, *others = williams(rows)
    relabelled = {row: turn for turn, row in enumerate(first)}
    random.Random(seed).shuffle(others)
    design = [[relabelled[row] for row in order] for order in (first, *others)]
    return [design[index % len(design)] for index in range(rounds)]


def williams(rows: int) -> list[list[int]]:
    """Orders in which each row has each place, and follows each other row, equally often.

    A zigzag 0, 1, n-1, 2, n-2, ... and its cyclic shifts; for an odd number of rows their reverses as well.
    """
    if rows < 2:
        return [list(range(rows))]
    zigzag = [(step + 1) // 2 if step % 2 else (rows - step // 2) % rows for step in range(rows)]
    square = [[(row + shift) % rows for row in zigzag] for shift in range(rows)]
    return square if rows % 2 == 0 else square + [order[::-1] for order in square]
