"""Timed samples: how often a kernel runs, and its raw seconds; no statistics beyond the stopping rule."""

from __future__ import annotations

import gc
import itertools
import math
import random
import statistics
import sys
import time
from dataclasses import dataclass
from typing import Any, Callable

from request import Request

# Below this the clock and the loop around the call begin to show: a batch lasts at least so long.
SHORTEST_SAMPLE_SECONDS = 1e-3
BATCH_HEADROOM = 1.2
MOST_LOOPS = 2**20
# A batch that really takes a hundred times as long is long enough, whatever a kernel's own clock says.
MOST_BELIEVED = 0.01
# A first run longer than this is taken as representative: a second one only to size batches would cost too
# much.
SLOW_FIRST_RUN_SECONDS = 1.0
LEAST_SAMPLES_FOR_SPREAD = 5
# Half-width of the notch around a median, in IQR / sqrt(count): McGill, Tukey, Larsen, "Variations of box
# plots", 1978.
NOTCH = 1.57

_random = random.SystemRandom()

Run = Callable[[Any], Any]

# Taken before a kernel is loaded: one that replaces time.perf_counter changes nothing here.
_clock, _cpu_clock = time.perf_counter, time.process_time


def now() -> float:
    """Return the worker's clock."""
    return _clock()


@dataclass(frozen=True)
class Sample:
    """The seconds of one batch of `loops` runs; `at_seconds` is when it ended, on the worker's clock.

    `wall_seconds` is what that clock says of it, where a kernel has its own; `cpu_seconds` is the process's time;
    `page_faults` are those that brought memory without reading it from anywhere, 0 where the system does not tell.
    """

    seconds: float
    loops: int
    at_seconds: float
    wall_seconds: float
    cpu_seconds: float
    page_faults: int = 0

    @property
    def run_seconds(self) -> float:
        """Seconds of one run."""
        return self.seconds / self.loops


class Stopwatch:
    """Times batches of one kernel's runs, with the garbage collector off, against one start.

    `prepare` is called before each batch, outside of its time; `runs` counts all of them.
    """

    def __init__(self, run: Run, state: Any, started: float, prepare: Callable[[], None] = lambda: None) -> None:
        self._run = run
        self._state = state
        self._started = started
        self._prepare = prepare
        self.runs = 0

    def sample(self, loops: int) -> Sample:
        """Run `loops` times; a run that returns a float has timed itself on its device."""
        self._prepare()
        device_seconds = 0.0
        collecting = gc.isenabled()
        gc.disable()
        try:
            faults = _page_faults()
            cpu = _cpu_clock()
            begin = _clock()
            for _ in itertools.repeat(None, loops):
                spent = self._run(self._state)
                if spent is not None:
                    device_seconds += spent
            end = _clock()
            self.runs += loops
            cpu = _cpu_clock() - cpu
            faults = _page_faults() - faults
        finally:
            if collecting:
                gc.enable()
        seconds = end - begin if spent is None else _device(spent, device_seconds)
        return Sample(seconds, loops, end - self._started, end - begin, cpu, faults)


def _page_faults() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt


def _device(spent: Any, total: Any) -> float:
    if not isinstance(spent, float) or not math.isfinite(total) or total <= 0.0:
        raise TypeError(f"run must return None or its seconds as a positive float, not {type(spent).__name__}")
    return float(total)


def warm(watch: Stopwatch, request: Request, report: Callable[[int, Sample], None]) -> int:
    """Warm up and return the loops of a sample.

    Goes on for `warmups` samples and `warmup_seconds`, and, unless the request fixes `loops`, until a sample
    lasts a millisecond; so there is one warmup at least when the loops are not fixed.
    """
    loops, elapsed, count = request.loops or 1, 0.0, 0
    settled = request.loops is not None
    while not (settled and count >= request.warmups and elapsed >= request.warmup_seconds):
        sample = watch.sample(loops)
        elapsed += sample.wall_seconds
        report(count, sample)
        count += 1
        if request.loops is None:
            wanted = _enough_loops(sample)
            first_and_fast = count == 1 and sample.seconds < SLOW_FIRST_RUN_SECONDS
            settled, loops = wanted == loops and not first_and_fast, wanted
    return loops


def _enough_loops(sample: Sample) -> int:
    seconds = max(sample.seconds, sample.wall_seconds * MOST_BELIEVED)
    if seconds >= SHORTEST_SAMPLE_SECONDS:
        return sample.loops
    wanted = BATCH_HEADROOM * SHORTEST_SAMPLE_SECONDS * sample.loops / max(seconds, 1e-9)
    return min(MOST_LOOPS, max(2 * sample.loops, math.ceil(wanted)))


def measure(watch: Stopwatch, request: Request, loops: int, report: Callable[[int, Sample], None]) -> None:
    """Take samples until one of the request's limits is met."""
    seconds: list[float] = []
    elapsed = 0.0
    while not done(request, seconds, elapsed):
        sample = watch.sample(loops)
        elapsed += sample.wall_seconds
        seconds.append(sample.seconds)
        report(len(seconds) - 1, sample)


class Unforeseen:
    """Says after which samples a product is looked at: one of those that are always taken, and one of all.

    The second is drawn by number and by time, for nobody knows which of them will end the round.
    """

    def __init__(self, request: Request) -> None:
        self._first = _random.randrange(request.min_runs)
        self._number = _random.randrange(request.max_runs)
        self._seconds = _random.uniform(0.0, request.max_seconds)
        self._elapsed, self._waiting = 0.0, True

    def now(self, index: int, sample: Sample) -> bool:
        """Whether it is this one, which was just taken."""
        self._elapsed += sample.wall_seconds
        second = self._waiting and (index >= self._number or self._elapsed >= self._seconds)
        self._waiting = self._waiting and not second
        return second or index == self._first


def done(request: Request, seconds: list[float], elapsed: float) -> bool:
    """Say whether to stop: min_runs beats max_runs beats max_seconds beats target_spread."""
    if len(seconds) < request.min_runs:
        return False
    if len(seconds) >= request.max_runs or elapsed >= request.max_seconds:
        return True
    return request.target_spread is not None and precise(seconds, request.target_spread)


def precise(seconds: list[float], target: float) -> bool:
    """Say whether the median is known to `target`: 1.57 IQR / sqrt(count) <= target * median, from 5 samples.

    The spread of the samples itself does not shrink with their number; the uncertainty of their median does.
    """
    if len(seconds) < LEAST_SAMPLES_FOR_SPREAD:
        return False
    low, median, high = statistics.quantiles(seconds, n=4, method="inclusive")
    return NOTCH * (high - low) / math.sqrt(len(seconds)) <= target * median
