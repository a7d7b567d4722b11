"""Predicts the seconds of one run from smaller products, so that no hopeless run begins."""

from __future__ import annotations

from typing import Any, Callable

DIVISORS = (8, 4, 2)
# A prediction so many times below the limit is believed at once.
DOUBT = 4
# A larger product that is expected to take no longer than this is tried whatever the limit is.
AFFORDABLE_SECONDS = 10.0
# Smaller products are all overhead and would predict nothing.
LEAST = 64

Shape = dict[str, int]


def smaller(params: dict[str, Any], divisor: int) -> Shape:
    """Return m, n and k over `divisor`, not below LEAST and not above themselves."""
    return {key: min(params[key], max(params[key] // divisor, LEAST)) for key in ("m", "n", "k")}


def work(shape: dict[str, Any]) -> float:
    """Return the multiplications of a product."""
    return float(shape["m"] * shape["n"] * shape["k"])


def predicted_seconds(
    params: dict[str, Any], limit: float | None, measured: Callable[[Shape], float], *, second_look: bool
) -> float:
    """Return the expected seconds of one run, in proportion to those of `measured` products.

    What is slow at an eighth of the size can be far slower at all of it (float16 without hardware for it) or far
    faster (overhead, a busy moment): near the limit and above it only the largest product is believed. One that
    would itself take longer than the limit, and not just some seconds, is not begun. With `second_look`, what is
    over the limit is measured once more.
    """

    def predict(divisor: int) -> float:
        shape = smaller(params, divisor)
        return measured(shape) * work(params) / work(shape)

    used, predicted = DIVISORS[0], predict(DIVISORS[0])
    if limit is None:
        return predicted
    for divisor in DIVISORS[1:]:
        next_run = predicted * work(smaller(params, divisor)) / work(params)
        if predicted * DOUBT <= limit or next_run > max(limit, AFFORDABLE_SECONDS):
            break
        used, predicted = divisor, predict(divisor)
    return min(predicted, predict(used)) if second_look and predicted > limit else predicted
