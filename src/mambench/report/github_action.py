"""Reports -> what github-action-benchmark reads as `customBiggerIsBetter`. Pure.

https://github.com/benchmark-action/github-action-benchmark
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mambench.analysis.rows import figure, has_number
from mambench.model import Report, Result


def dumps(reports: Sequence[Report]) -> str:
    """For each verified row its rate and, where there is an interval, how far it reaches."""
    rows = [row for report in reports for row in report.results if row.verified and has_number(row)]
    return json.dumps([_entry(row) for row in rows], indent=1, ensure_ascii=False) + "\n"


def _entry(row: Result) -> dict[str, str | float]:
    assert row.rate is not None
    entry: dict[str, str | float] = {"name": row.trial.key, "unit": row.trial.unit, "value": row.rate.median}
    if row.rate.low is not None and row.rate.high is not None:
        entry["range"] = f"± {figure((row.rate.high - row.rate.low) / 2)}"
    return {**entry, "extra": f"{len(row.rounds)} rounds"}
