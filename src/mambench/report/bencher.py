"""Reports -> Bencher Metric Format, which `bencher run --adapter json` takes. Pure.

https://bencher.dev/docs/reference/bencher-metric-format/
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from mambench.analysis.rows import has_number
from mambench.model import Report, Statistic


def dumps(reports: Sequence[Report]) -> str:
    """For each verified row its rate, with the bounds of the interval where there is one."""
    rows = [row for report in reports for row in report.results if row.verified and has_number(row)]
    content = {row.trial.key: {_measure(row.trial.unit): _metric(row.rate)} for row in rows if row.rate is not None}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _measure(unit: str) -> str:
    """The name of a measure: small letters, as Bencher's slugs are."""
    return re.sub(r"[^a-z0-9]+", "-", unit.lower()).strip("-") or "rate"


def _metric(number: Statistic) -> dict[str, float]:
    bounds = {"lower_value": number.low, "upper_value": number.high}
    return {"value": number.median, **{name: value for name, value in bounds.items() if value is not None}}
