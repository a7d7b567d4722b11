"""What a row's runs cost: power, energy of one run, GFLOPS per watt. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

from mambench.model import Result


@dataclass(frozen=True)
class Energy:
    """Of the runs of a row; idle power is not subtracted."""

    watts: float
    joules_per_product: float
    """Of one run."""
    gflops_per_watt: float | None
    """None where floating-point operations are not counted."""
    measured: str
    """What the meter counts: `CPU packages` or `GPU`."""
    idle_power: str = "included"


def energy(result: Result) -> Energy | None:
    """The median over rounds; None where the system does not tell, or where the row has no number."""
    if result.rate is None or result.seconds is None or result.failure is not None:
        return None
    told = (each.conditions.get("power_watts") for each in result.rounds)
    watts = [float(value) for value in told if isinstance(value, (int, float)) and value > 0]
    if not watts:
        return None
    power = median(watts)
    measured = next(str(each.conditions.get("power_of", "")) for each in result.rounds)
    gflop, seconds = result.trial.size.gflop, result.seconds.median
    return Energy(power, power * seconds, None if gflop is None else gflop / seconds / power, measured)
