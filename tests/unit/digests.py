"""Reports in short for the tests, from the logarithms that their rounds would have."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from builders import a_trial

from mambench.analysis.digest import Digest, DigestRow, Surroundings
from mambench.analysis.intervals import MIN_ROUNDS, mean_and_half_width
from mambench.model import Statistic

NOTHING = Surroundings((), ())


def a_digest_row(
    seconds: Sequence[float] = (0.1, 0.1002, 0.0998, 0.1001, 0.0999), stack: str = "numpy-openblas@pypi", **changes: Any
) -> DigestRow:
    logs = [math.log(value) for value in seconds]
    low = high = None
    if len(logs) >= MIN_ROUNDS:
        centre, half = mean_and_half_width(logs)
        low, high = math.exp(centre - half), math.exp(centre + half)
    middle = sorted(seconds)[len(logs) // 2]
    fields: dict[str, Any] = {
        "trial": a_trial(stack),
        "status": "ok",
        "reason": None,
        "verified": True,
        "rounds": len(logs),
        "seconds": Statistic(middle, min(seconds), low, high),
        "surroundings": NOTHING,
    }
    return DigestRow(**{**fields, **changes})


def a_failed_row(stack: str = "numpy-openblas@pypi", reason: str = "wrong_result") -> DigestRow:
    return replace(a_digest_row(stack=stack), status="failed", reason=reason, verified=False, seconds=None)


def a_digest(*rows: DigestRow, run_id: str = "0" * 32, **changes: Any) -> Digest:
    fields: dict[str, Any] = {
        "created": "2026-11-21T10:00:00Z",
        "finished": "2026-11-21T10:10:00Z",
        "machine": "host",
        "node": changes.get("machine", "host"),
        "job": None,
        "mambench": "0.1.0",
        "methodology": 2,
        "complete": True,
    }
    return Digest(run_id=run_id, rows=rows or (a_digest_row(),), **{**fields, **changes})


def scaled(by: float) -> tuple[float, ...]:
    """Rounds of a quiet machine, so many times as slow."""
    return tuple(by * value for value in (0.1, 0.1002, 0.0998, 0.1001, 0.0999))
