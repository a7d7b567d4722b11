"""What one round is worth: its failure, its samples, their spread."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import quantiles

from mambench.model import Failure, Reason, Round, Sample

PLAUSIBLE_SECONDS = (1e-12, 1e9)
"""A run outside has a broken clock or a broken worker; inside, every statistic is a finite number."""


def failure_of(each: Round) -> Failure | None:
    """The failure that the runner found, or the one that the round's own numbers are."""
    if each.failure is not None:
        return each.failure
    wrong = [check.name for check in each.checks if not check.ok]
    if wrong:
        message = f"the result is wrong ({', '.join(wrong)}); update or rebuild this stack"
        return Failure("failed", Reason.WRONG_RESULT, message, each.log)
    if not each.samples:
        message = f"round {each.index} has no timed run; see its log"
        return Failure("failed", Reason.PROTOCOL, message, each.log)
    if not all(plausible(sample) for sample in each.samples):
        message = f"round {each.index} reports a time that no run can take; see its log"
        return Failure("failed", Reason.PROTOCOL, message, each.log)
    return None


def plausible(sample: Sample) -> bool:
    """Whether a run can take so long."""
    low, high = PLAUSIBLE_SECONDS
    return sample.loops >= 1 and low <= sample.run_seconds <= high


def pooled(rounds: Iterable[Round]) -> list[float]:
    return [sample.run_seconds for each in rounds for sample in each.samples]


def spread(rounds: Iterable[Round]) -> float | None:
    """Interquartile range over median, of the samples of all rounds together; None for a single sample."""
    values = pooled(rounds)
    if len(values) < 2:
        return None
    lower, middle, upper = quantiles(values, n=4, method="inclusive")
    return (upper - lower) / middle
