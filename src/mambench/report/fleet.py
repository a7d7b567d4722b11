"""A fleet -> its JSON, its CSV and its page. Pure; the schema is resources/fleet.schema.json."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from mambench import __version__
from mambench.analysis.colours import colour
from mambench.analysis.departures import sentence
from mambench.analysis.fleet import Fleet
from mambench.analysis.fleet_answer import Topic, headline, lines, slower
from mambench.analysis.groups import Group, Kinds, Slow, Value, natural
from mambench.analysis.rows import figure, row_name, source, with_unit
from mambench.analysis.slowness import FALSE_ALARMS, MIN_NODES, MIN_SLOWER
from mambench.analysis.verdicts import group_words
from mambench.analysis.words import counted
from mambench.model import Trial
from mambench.report.csv import Cell, table
from mambench.report.html import clipped
from mambench.report.page import Chart, Materials, render

SCHEMA_VERSION = 1
"""Of the fleet's JSON."""

MAX_ROWS = 500
"""In a table of the page."""

MAX_DOTS = 20_000
"""In all charts of the page."""

MAX_LABELS = 12
"""Of nodes in one chart: the slowest."""


def to_dict(fleet: Fleet) -> dict[str, Any]:
    """The fleet as plain dictionaries and lists."""
    return {
        "schema_version": SCHEMA_VERSION,
        "mambench": __version__,
        "rule": {"min_slower": MIN_SLOWER, "false_alarms": FALSE_ALARMS, "min_nodes": MIN_NODES},
        "reports": fleet.reports,
        "nodes": list(fleet.nodes),
        "wrong": [{**asdict(each), "trial": each.trial.key} for each in fleet.wrong],
        "failed": [{**asdict(each), "trial": each.trial.key} for each in fleet.failed],
        "incomplete": [asdict(each) for each in fleet.incomplete],
        "missing": [asdict(each) for each in fleet.missing],
        "slow": [_slow(each) for each in fleet.slow],
        "groups": [_group(each) for each in fleet.groups],
        "problems": list(fleet.problems),
    }


def _slow(node: Slow) -> dict[str, Any]:
    return {
        "node": node.node,
        "rows": [
            {"trial": group.trial.key, "device_name": group.device_name, **_value(value)}
            for group, value in node.values
        ],
        "of_rows": node.rows,
        "departures": [asdict(each) for each in node.departures],
    }


def _group(group: Group) -> dict[str, Any]:
    return {
        "trial": group.trial.key,
        "device_name": group.device_name,
        "methodology": group.methodology,
        "unit": group.trial.unit,
        "median": group.median,
        "spread": group.spread,
        "low": group.values[-1].rate,
        "high": group.values[0].rate,
        "seen_from": group.seen_from,
        "kinds": None if group.kinds is None else _kinds(group.kinds),
        "values": [_value(value) for value in group.values],
    }


def _kinds(kinds: Kinds) -> dict[str, Any]:
    told = [asdict(each) for each in kinds.departures]
    return {"slower": list(kinds.slower), "faster": list(kinds.faster), "ratio": kinds.ratio, "departures": told}


def _value(value: Value) -> dict[str, Any]:
    names = ("node", "rate", "sessions", "ratio", "score", "slow")
    return {name: getattr(value, name) for name in names}


# ---------------------------------------------------------------------------------------------------- CSV

COLUMNS = ("node", "state", "benchmark", "stack", "source", "framework", "device", "device_name", "dtype", "size",
           "threads_requested", "unit", "rate", "sessions", "median", "ratio", "score", "message")  # fmt: skip


def csv(fleet: Fleet) -> str:
    """A line for each node and row: `ok`, `slow`, `wrong`, `failed`; `incomplete` and `missing` nodes have no row."""
    return table(COLUMNS, _lines(fleet))


def _lines(fleet: Fleet) -> Iterator[Sequence[Cell]]:
    nothing = (None,) * 5
    for each in fleet.wrong:
        yield each.node, "wrong", *_trial(each.trial, each.device_name), *nothing, each.message
    for row in fleet.failed:
        yield row.node, "failed", *_trial(row.trial, None), *nothing, f"{row.reason}: {row.message}"
    for gone in fleet.missing:
        yield gone.node, "missing", *(None,) * 15, gone.why
    for stopped in fleet.incomplete:
        yield stopped.node, "incomplete", *(None,) * 15, stopped.why
    departures = {node.node: sentence(node.departures) for node in fleet.slow}
    for group in fleet.groups:
        middle = group.median
        for value in group.values:
            told = value.rate, value.sessions, middle, value.ratio, value.score
            state, message = ("slow", departures[value.node]) if value.slow else ("ok", None)
            yield value.node, state, *_trial(group.trial, group.device_name), *told, message


def _trial(trial: Trial, device_name: str | None) -> tuple[Cell, ...]:
    stack = trial.benchmark, trial.stack.name, trial.stack.source, trial.framework
    return *stack, trial.place, device_name, trial.dtype, trial.size.name, trial.threads, trial.unit


# --------------------------------------------------------------------------------------------------- page


def page(fleet: Fleet, materials: Materials, *, command: str) -> str:
    """One self-contained page."""
    charts = _charts(fleet)
    answer = lines(fleet)
    return render(
        materials,
        "fleet.html",
        charts=charts,
        dots=charts,
        groups_not_drawn=len(fleet.groups) - len(charts),
        headline=headline(fleet),
        wrong=[clipped(line.text) for line in answer if line.topic == Topic.WRONG],
        sentences=[clipped(line.text) for line in answer if line.topic not in (Topic.WRONG, Topic.SLOW)],
        rows=[_cells(group) for group in fleet.groups[:MAX_ROWS]],
        rows_left_out=max(0, len(fleet.groups) - MAX_ROWS),
        slow=[_slow_cells(node) for node in fleet.slow[:MAX_ROWS]],
        slow_left_out=max(0, len(fleet.slow) - MAX_ROWS),
        problems=[clipped(each) for each in fleet.problems],
        false_alarms=f"{100 * FALSE_ALARMS:.0f} %",
        min_slower=f"{100 * MIN_SLOWER:.0f} %",
        command=clipped(command),
    )


def _cells(group: Group) -> Mapping[str, Any]:
    trial, slow = group.trial, sum(value.slow for value in group.values)
    return {
        "name": clipped(row_name(trial), 200),
        "colour": colour(trial.stack.name),
        "cells": (source(trial), f"{trial.place}, {clipped(group.device_name, 100)}", trial.dtype),
        "numbers": (
            trial.size.label,
            f"{len(group.values):,}",
            with_unit(group.median, trial),
            percentage(group.spread),
            f"{figure(group.values[-1].rate)} .. {figure(group.values[0].rate)}",
            percentage(group.seen_from),
        ),
        "slow": f"{slow:,}" if group.seen_from is not None else "cannot be told",
        "state": "bad" if slow else "",
    }


def percentage(part: float | None) -> str:
    """`3.4 %`; a dash for what is not known."""
    return "–" if part is None else f"{100 * part:.1f} %"


def _slow_cells(node: Slow) -> Mapping[str, Any]:
    rows = [f"{row_name(group.trial)}, {group_words(group.trial, name_benchmark=False)}: {slower(value.ratio)}"
            for group, value in node.values]  # fmt: skip
    more = [f"{len(rows) - MAX_LABELS:,} more rows"] if len(rows) > MAX_LABELS else []
    return {
        "node": clipped(node.node, 200),
        "by": slower(node.ratio),
        "count": f"{len(node.values):,} of {node.rows:,}",
        "rows": [clipped(each, 200) for each in (*rows[:MAX_LABELS], *more)],
        "departures": clipped(sentence(node.departures)),
    }


def _charts(fleet: Fleet) -> list[Chart]:
    """Groups with wrong or slow nodes first, as many as have room."""
    wrong: dict[tuple[Trial, str], set[str]] = {}
    for each in fleet.wrong:
        wrong.setdefault((each.trial, each.device_name), set()).add(each.node)

    def wrong_in(group: Group) -> list[str]:
        return sorted(wrong.get((group.trial, group.device_name), ()), key=natural)

    several = [group for group in fleet.groups if len(group.values) > 1]
    ordered = sorted(several, key=lambda group: not (wrong_in(group) or any(value.slow for value in group.values)))
    charts: list[Chart] = []
    dots = 0
    for group in ordered:
        dots += len(group.values)
        if dots > MAX_DOTS and charts:
            break
        charts.append(_chart(group, wrong_in(group)))
    return charts


def _chart(group: Group, wrong: Sequence[str]) -> Chart:
    trial = group.trial
    title = f"{row_name(trial)}, {group_words(trial, name_benchmark=True)}, {group.device_name}"
    labelled = {value.node for value in [value for value in group.values if value.slow][-MAX_LABELS:]}
    data = [_dot(position, value, trial, labelled) for position, value in enumerate(group.values, 1)]
    high, low = group.values[0].rate, group.values[-1].rate
    below = low - 0.1 * ((high - low) or low)
    data += [
        {"at": len(group.values) + number, "node": clipped(node, 100), "rate": below, "state": "wrong",
         "label": "wrong result", "name": clipped(node, 40)}
        for number, node in enumerate(wrong, 1)
    ]  # fmt: skip
    return Chart("fleet", clipped(title, 200), _words(group, wrong), data, trial.unit)


def _dot(position: int, value: Value, trial: Trial, labelled: Iterable[str]) -> dict[str, Any]:
    return {
        "at": position,
        "node": clipped(value.node, 100),
        "rate": float(f"{value.rate:.6g}"),
        "state": "slow" if value.slow else "as most",
        "label": f"{with_unit(value.rate, trial)}, {value.ratio:.3f} of the median",
        "name": clipped(value.node, 40) if value.node in labelled else "",
    }


def _words(group: Group, wrong: Sequence[str]) -> str:
    """What the chart shows, for who cannot see it."""
    values, slow = group.values, [value for value in group.values if value.slow]
    told = [
        f"{counted(len(values), 'node')}, the fastest first: {with_unit(values[0].rate, group.trial)} to "
        f"{with_unit(values[-1].rate, group.trial)}, median {figure(group.median)}"
    ]
    if wrong:
        told.append(f"Wrong results (drawn at the bottom, they have no rate): {', '.join(wrong)}")
    if slow:
        told.append("Slow: " + ", ".join(f"{value.node} {figure(value.rate)}" for value in reversed(slow)))
    return clipped(". ".join(told), 1000) + "."
