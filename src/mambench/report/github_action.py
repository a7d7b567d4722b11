"""Reports -> what github-action-benchmark reads as `customBiggerIsBetter`. Pure.

https://github.com/benchmark-action/github-action-benchmark
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mambench.analysis.rows import gflops, has_number
from mambench.model import Report, Result


def dumps(reports: Sequence[Report]) -> str:
    """For each verified row its GFLOPS and, where there is an interval, how far it reaches."""
    rows = [row for report in reports for row in report.results if row.verified and has_number(row)]
    return json.dumps([_entry(row) for row in rows], indent=1, ensure_ascii=False) + "\n"


def _entry(row: Result) -> dict[str, str | float]:
    assert row.gflops is not None
    entry: dict[str, str | float] = {"name": row.trial.key, "unit": "GFLOPS", "value": row.gflops.median}
    if row.gflops.low is not None and row.gflops.high is not None:
        entry["range"] = f"± {gflops((row.gflops.high - row.gflops.low) / 2)}"
    return {**entry, "extra": f"{len(row.rounds)} rounds"}
