"""Work that a kernel might do outside of the timed runs: in `flip`, in `result`, when that is read, in the run after.

Small sizes hide behind the allowance; a rate that they make too good is `implausible` by the processor's time.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Iterator
from typing import Any

from failure import Failure
from matrices import Rows

# What takes no longer than this, and so many times what it is compared with, is in order.
ALLOWANCE_SECONDS, TIMES = 0.05, 10.0
# Changing signs is a pass over the operands at most, as the copy is that is made of them after setup.
ALLOWANCE_OF_CHANGES_SECONDS, TIMES_OF_CHANGES = 0.02, 1.5
# So many runs after the last are tried until one takes no longer than it may.
TRIES = 3
# What others are compared with takes all of its time: a process's clock may tick in steps of 16 ms (Windows).
COMPARED = ("copy", "operands")
# After so many of them a kernel that computes there is not let go on.
ENOUGH_CHANGES = 6

_clock, _cpu_clock = time.perf_counter, time.process_time


class Ledger:
    """The seconds of what happens outside of the runs.

    On a CPU what the process spent counts where that is less: on a busy machine it waits for its turn. What a step is
    compared with counts whole.
    """

    def __init__(self, *, on_cpu: bool = False) -> None:
        self._on_cpu = on_cpu
        self._seconds: dict[str, list[float]] = {}
        self._reading: dict[str, float] = {"operands": 0.0, "result": 0.0}
        self._values: dict[str, int] = {"operands": 0, "result": 0}

    @contextlib.contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Time a step: `copy` (of the operands), `flip`, `run` (the last one), or `result` (asking for it)."""
        begin, cpu = _clock(), _cpu_clock()
        yield
        seconds, spent = _clock() - begin, _cpu_clock() - cpu
        if self._on_cpu and what not in COMPARED:
            seconds = min(seconds, spent)
        if what in self._reading:
            self._reading[what] += seconds
        else:
            self._seconds.setdefault(what, []).append(seconds)
        if what == "flip" and len(self._seconds[what]) == ENOUGH_CHANGES:
            self._settle_changes()

    def reading(self, name: str, rows: Rows, columns: int) -> Rows:
        """Return the reader of a matrix of so many columns, timed."""

        def read(start: int, stop: int) -> Any:
            self._values[name] += (stop - start) * columns
            with self.timed(name):
                return rows(start, stop)

        return read

    def is_dear(self, median_seconds: float) -> bool:
        """Say whether the run after the last took more than it may, so that another one is worth a try."""
        return _is_dear(self._seconds["run"][-1], median_seconds, ALLOWANCE_SECONDS, TIMES)

    def settle(self, median_seconds: float) -> None:
        """Hold everything against what it may take. Raises Failure.

        The first flip compiles; of the others the median counts: one may be disturbed. A result of more values than
        its operands have (a product of thin ones) may take longer to read in proportion.
        """
        self._settle_changes()
        _hold("the run after the last", self._seconds["run"][-1], "the median run", median_seconds)
        operands, larger = self._reading["operands"], self._values["result"] / max(1, self._values["operands"])
        what = "reading as many values of the operands" if larger > 1.0 else "reading the operands"
        _hold("reading the result", self._reading["result"], what, operands * max(1.0, larger))

    def _settle_changes(self) -> None:
        flips, copying = self._seconds.get("flip", [])[1:], self._seconds["copy"][-1]
        change = statistics.median(flips) if flips else 0.0
        _hold("changing signs", change, "copying the operands", copying, ALLOWANCE_OF_CHANGES_SECONDS, TIMES_OF_CHANGES)


def _hold(
    step: str, seconds: float, other: str, allowed: float, allowance: float = ALLOWANCE_SECONDS, times: float = TIMES
) -> None:
    if _is_dear(seconds, allowed, allowance, times):
        message = f"{step} took {seconds:.3g} s and {other} {allowed:.3g} s: work is done outside of the runs"
        raise Failure("implausible", message)


def _is_dear(seconds: float, compared: float, allowance: float, times: float) -> bool:
    return seconds > allowance + times * compared
