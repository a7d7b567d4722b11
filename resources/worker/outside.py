"""Work that a kernel might do outside of the timed runs: in `flip`, in `result`, when C is read, in the run after.

Small sizes hide behind the allowance; a rate that they make too good is `implausible` by the processor's time.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from typing import Any, Callable

from failure import Failure

Rows = Callable[[int, int], Any]

# What takes no longer than this, and so many times what it is compared with, is in order.
ALLOWANCE_SECONDS = 0.05
TIMES = 10.0
# Changing rows of A is one pass over it at most; reading it converts it besides.
TIMES_OF_CHANGES = 3.0

_clock = time.perf_counter


class Ledger:
    """The seconds of what happens outside of the runs."""

    def __init__(self) -> None:
        self._seconds: dict[str, list[float]] = {}
        self._reading: dict[str, float] = {"A": 0.0, "C": 0.0}
        self._readings = 0

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time a step: `flip`, `run` (the one after half of A changed), or `C` (asking for the product)."""
        begin = _clock()
        yield
        seconds = _clock() - begin
        if what in self._reading:
            self._reading[what] += seconds
        else:
            self._seconds.setdefault(what, []).append(seconds)

    def reading(self, name: str, rows: Rows) -> Rows:
        """Return the reader of a matrix, timed."""
        self._readings += name == "A"

        def read(start: int, stop: int) -> Any:
            with self.timed(name):
                return rows(start, stop)

        return read

    def settle(self, median_seconds: float) -> None:
        """Hold everything against what it may take. Raises Failure.

        The first flip compiles; of the others the median counts: one may be disturbed.
        """
        reading_a = self._reading["A"]
        flips = self._seconds.get("flip", [])[1:]
        change = statistics.median(flips) if flips else 0.0
        once = reading_a / max(1, self._readings)
        steps = (
            ("the run after half of A changed", self._seconds["run"][-1], "the median run", median_seconds, TIMES),
            ("reading C", self._reading["C"], "reading A", reading_a, TIMES),
            ("changing some rows of A", change, "reading A", once, TIMES_OF_CHANGES),
        )
        for step, seconds, other, allowed, times in steps:
            if seconds > ALLOWANCE_SECONDS + times * allowed:
                message = f"{step} took {seconds:.3g} s and {other} {allowed:.3g} s: work is done outside of the runs"
                raise Failure("implausible", message)
