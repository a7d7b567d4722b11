"""Trials over time -> JSON and a page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mambench.analysis.history import Point, beside_the_one_before
from mambench.analysis.rows import figure, row_name
from mambench.analysis.verdicts import group_words
from mambench.analysis.words import counted
from mambench.model import Trial
from mambench.report.html import clipped
from mambench.report.page import Chart, Materials, render

MAX_CHARTS = 12

MAX_POINTS = 200
"""The newest of each trial, in a page."""

Histories = Mapping[Trial, Sequence[Point]]


def to_list(histories: Histories) -> list[dict[str, Any]]:
    """Every trial with its points."""
    return [{"trial": trial.key, "points": [_point(each) for each in points]} for trial, points in histories.items()]


def _point(point: Point) -> dict[str, Any]:
    interval, difference = point.interval, point.difference
    return {
        "run_id": point.digest.run_id,
        "created": point.digest.created,
        "methodology": point.digest.methodology,
        "status": point.row.status,
        "rate": point.rate,
        "unit": point.row.trial.unit,
        "gflops": point.rate if point.row.trial.size.rate_is_gflops else None,
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "disturbed": point.row.disturbed,
        "before": None if difference is None else {**asdict(difference), "verdict": point.verdict},
        "changes": [asdict(change) for change in point.changes],
    }


def cells(point: Point) -> tuple[str, ...]:
    """When, id, rate, interval, beside the one before, what changed since then."""
    number = "-" if point.rate is None else ("~" if point.row.disturbed else "") + figure(point.rate)
    interval = f"{figure(point.interval[0])} .. {figure(point.interval[1])}" if point.interval else "-"
    changed = "; ".join(change.words for change in point.changes)
    reason = f"{point.row.status}: {point.row.reason.replace('_', ' ')}" if point.row.reason else ""
    when = point.digest.created[:16].replace("T", " ")
    return when, point.digest.run_id[:8], number, interval, beside_the_one_before(point) or reason, changed


def title(trial: Trial) -> str:
    """A trial as a heading."""
    return f"{row_name(trial)}, {group_words(trial, name_benchmark=True)}, {trial.unit}"


def page(histories: Histories, materials: Materials, *, command: str) -> str:
    """One self-contained page."""
    charts = [_chart(trial, points[-MAX_POINTS:]) for trial, points in list(histories.items())[:MAX_CHARTS]]
    drawn = [chart for chart in charts if chart.data]
    tables = [
        (clipped(title(trial), 300), [tuple(map(clipped, cells(each))) for each in points[-MAX_POINTS:]])
        for trial, points in histories.items()
    ]
    return render(
        materials,
        "history.html",
        charts=drawn,
        drawn=drawn,
        headline=f"{counted(len(histories), 'trial')} over time",
        tables=tables[:MAX_POINTS],
        command=clipped(command),
    )


def _chart(trial: Trial, points: Sequence[Point]) -> Chart:
    data = [_datum(point) for point in points if point.rate is not None]
    marked = sum(each["mark"] == CHANGED for each in data)
    told = counted(len(data), "measurement")
    words = f"{trial.unit} of {told}; before {marked} of them something changed, see the table."
    return Chart("history", clipped(title(trial), 200), words, data, trial.unit)


CHANGED, UNCHANGED = "something changed before", "nothing changed before"


def _datum(point: Point) -> dict[str, Any]:
    interval = point.interval
    changed = "; ".join(change.words for change in point.changes)
    return {
        "created": point.digest.created,
        "rate": point.rate,
        "low": interval[0] if interval else None,
        "high": interval[1] if interval else None,
        "label": figure(point.rate or 0),
        "mark": CHANGED if changed else UNCHANGED,
        "changed": clipped(changed or "nothing", 300),
        "run": point.digest.run_id[:8],
    }
