"""Reports -> Bencher Metric Format, which `bencher run --adapter json` takes. Pure.

https://bencher.dev/docs/reference/bencher-metric-format/
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from mambench.analysis.rows import has_number
from mambench.model import Report, Statistic


def dumps(reports: Sequence[Report]) -> str:
    """For each verified row its GFLOPS, with the bounds of the interval where there is one."""
    rows = [row for report in reports for row in report.results if row.verified and has_number(row)]
    content = {row.trial.key: {"gflops": _metric(row.gflops)} for row in rows if row.gflops is not None}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _metric(number: Statistic) -> dict[str, float]:
    bounds = {"lower_value": number.low, "upper_value": number.high}
    return {"value": number.median, **{name: value for name, value in bounds.items() if value is not None}}
