"""Predicts the seconds of one run from smaller sizes, so that no hopeless run begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Callable

from request import Smaller

# A prediction so many times below the limit is believed at once.
DOUBT = 4
# A larger one that is expected to take no longer than this is tried whatever the limit is.
AFFORDABLE_SECONDS = 10.0


def predicted_seconds(
    work: float,
    smaller: Sequence[Smaller],
    limit: float | None,
    measured: Callable[[Smaller], float],
    *,
    second_look: bool,
) -> float:
    """Return the expected seconds of one run, in proportion to those of smaller sizes, the smallest first.

    What is slow at an eighth of the size can be far slower at all of it (float16 without hardware for it) or far
    faster (overhead, a busy moment): near the limit and above it only the largest of them is believed. One that
    would itself take longer than the limit, and not just some seconds, is not begun. With `second_look`, what is
    over the limit is measured once more.
    """

    def predict(size: Smaller) -> float:
        return measured(size) * work / size.work

    used, predicted = smaller[0], predict(smaller[0])
    if limit is None:
        return predicted
    for size in smaller[1:]:
        next_run = predicted * size.work / work
        if predicted * DOUBT <= limit or next_run > max(limit, AFFORDABLE_SECONDS):
            break
        used, predicted = size, predict(size)
    return min(predicted, predict(used)) if second_look and predicted > limit else predicted
