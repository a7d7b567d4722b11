"""What is kept of a report where many are listed or compared: its rows without their samples. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from mambench.analysis import student_t as student
from mambench.analysis.intervals import LEVEL, MIN_ROUNDS
from mambench.model import Statistic, Status, Trial, WrongEntry


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a number may depend on beside its trial; shared by rows of many reports."""

    packages: tuple[tuple[str, str], ...]
    """(name, version and build)."""
    facts: tuple[tuple[str, str], ...]
    """(what it is, what it was): BLAS, threads, driver, CPU, governor and so on, where the report tells."""


@dataclass(frozen=True, slots=True)
class DigestRow:
    """One trial of one report."""

    trial: Trial
    status: Status
    reason: str | None
    verified: bool
    rounds: int
    seconds: Statistic | None
    surroundings: Surroundings
    other_cpu_percent: float = 0.0
    """Used by other programs, in the worst round."""
    disturbed_rounds: int = 0
    """Rounds from which other programs, a virtual machine's host, heat or power took speed."""
    device_name: str = ""
    """The model of the CPU, or the name of the GPU."""
    message: str = ""
    """Of the failure."""
    wrong_entry: WrongEntry | None = None
    readings: tuple[tuple[str, float], ...] = ()
    """(what, median over rounds): clocks in MHz, temperatures in °C, power in W, where the computer tells them."""

    @property
    def disturbed(self) -> bool:
        """Whether something took speed from a round."""
        return self.disturbed_rounds > 0

    @property
    def rate(self) -> float | None:
        """Of the median."""
        return None if self.seconds is None else self.trial.work / self.seconds.median

    @property
    def log_mean(self) -> float:
        """The mean of the logarithms of round medians in seconds: the middle of the interval, or the value itself."""
        assert self.seconds is not None
        if self.seconds.low is None or self.seconds.high is None:
            return math.log(self.seconds.median)
        return (math.log(self.seconds.low) + math.log(self.seconds.high)) / 2

    @property
    def squared_error(self) -> float | None:
        """The variance of that mean as its rounds tell it, from the width of the interval; None below three rounds."""
        if self.seconds is None or self.seconds.low is None or self.seconds.high is None or self.rounds < MIN_ROUNDS:
            return None
        half = (math.log(self.seconds.high) - math.log(self.seconds.low)) / 2
        return float((half / student.quantile((1 + LEVEL) / 2, self.rounds - 1)) ** 2)


@dataclass(frozen=True, slots=True)
class Digest:
    """A report in short."""

    run_id: str
    created: str
    finished: str | None
    """None while it runs, and for one that was killed."""
    machine: str
    """Its host's name."""
    node: str
    """What the launcher calls that computer; its host's name where none started it."""
    job: str | None
    mambench: str
    methodology: int
    complete: bool
    rows: tuple[DigestRow, ...]
    processor: str = ""
    """Its model."""


def fastest_row(rows: Iterable[DigestRow]) -> DigestRow | None:
    """The verified row with the most GFLOPS, else the one with the highest rate."""
    verified = (row for row in rows if row.verified)
    return max(verified, key=lambda row: (row.trial.size.rate_is_gflops, row.rate or 0.0), default=None)
