"""How often `fleet` names a node of equal ones, and how often it finds a slow one: the table of docs/fleet.md.

    python scripts/check_fleets.py [--fleets 200]

Each row is simulated as tests/unit/fleets.py does it: five rounds, whose medians differ as those of processes do, on
nodes that differ by themselves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "unit"))

from fleets import simulated  # noqa: E402

from mambench.analysis.fleet import Fleet, fleet  # noqa: E402

SIZES = [(3, 1), (3, 8), (4, 1), (4, 8), (10, 1), (10, 8), (50, 1), (50, 8), (200, 1), (200, 8)]
QUIET = {"between_rounds": 0.01, "between_nodes": 0.005}
CLOUD = {"between_rounds": 0.03, "between_nodes": 0.048}
"""As sessions on virtual machines (docs/compare.md)."""


def share(count: int, judge: Callable[[Fleet], bool], nodes: int, rows: int, **how: object) -> float:
    """Of so many fleets, those of which it is true, in percent."""
    every = (fleet(simulated(seed, nodes, rows, **how)) for seed in range(1000, 1000 + count))  # type: ignore[arg-type]
    return 100 * sum(map(judge, every)) / count


def alarms(told: Fleet) -> bool:
    return bool(told.slow or told.kinds)


def finds(told: Fleet) -> bool:
    return any(each.node == "n0" for each in told.slow)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--fleets", type=int, default=200)
    count = parser.parse_args().fleets
    print("nodes  rows   quiet: alarms   5 %    10 %   20 % found   cloud: alarms", flush=True)
    for nodes, rows in SIZES:
        numbers = [share(count, alarms, nodes, rows, **QUIET)]
        for part in (0.05, 0.1, 0.2):

            def slower(number: int, by: float = 1 / (1 - part)) -> float:
                return by if number == 0 else 1.0

            numbers.append(share(count, finds, nodes, rows, slower=slower, **QUIET))
        numbers.append(share(count, alarms, nodes, rows, **CLOUD))
        print(f"{nodes:5} {rows:5}", *(f"{number:10.1f} %" for number in numbers), flush=True)


if __name__ == "__main__":
    main()
