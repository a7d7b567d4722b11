"""A report -> the charts of its page: which there are, and the data of each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from mambench.analysis.answer import speed
from mambench.analysis.rows import figure, in_order, row_name
from mambench.analysis.verdicts import several_benchmarks
from mambench.analysis.words import counted
from mambench.model import Result, Round, Trial
from mambench.report.page import Chart

MAX_BARS = 24
"""In one panel: the fastest."""

MAX_PANELS = 12
"""Of one kind of chart in one page."""

MAX_POINTS = 2000
"""Samples drawn in one page; more are thinned."""

Rows = Sequence[Result]
Datum = dict[str, Any]


def ranking(results: Iterable[Result]) -> list[Chart]:
    """A panel for each element type and device, at the largest size."""
    results = list(results)
    panels = _panels(results, lambda trial: (trial.benchmark, trial.place, trial.dtype))
    return [_ranking(_largest(rows), several_benchmarks(results)) for rows in panels][:MAX_PANELS]


def sizes(results: Iterable[Result]) -> list[Chart]:
    """Rates over size, where there are several."""
    results = [result for result in results if result.trial.size.label.isdigit()]
    panels = _panels(results, lambda trial: (trial.benchmark, trial.place, trial.dtype, trial.threads or 0))
    many = [rows for rows in panels if len({row.trial.size for row in rows}) > 1]
    name = several_benchmarks(results)
    return [_lines("sizes", "n", rows, lambda trial: int(trial.size.label), name) for rows in many][:MAX_PANELS]


def threads(results: Iterable[Result]) -> list[Chart]:
    """Rates over threads, where there is a sweep."""
    asked = [result for result in results if result.trial.threads is not None]
    panels = _panels(asked, lambda trial: (trial.benchmark, trial.place, trial.dtype, trial.size))
    many = [rows for rows in panels if len({row.trial.threads for row in rows}) > 1]
    name = several_benchmarks(asked)
    return [_lines("threads", "threads", rows, lambda trial: trial.threads or 0, name) for rows in many][:MAX_PANELS]


def samples(results: Sequence[Result]) -> list[Chart]:
    """Every sample over time; thinned where there are too many."""
    began = _first(results)
    panels = _panels(results, lambda trial: trial.group, with_number=False)
    drawn = panels[:MAX_PANELS]
    total = sum(len(each.samples) for rows in drawn for row in rows for each in row.rounds)
    step = -(-total // MAX_POINTS)
    return [_samples(rows, began, step, several_benchmarks(results)) for rows in drawn]


def conditions(results: Sequence[Result]) -> list[Chart]:
    """What the machine did meanwhile: one small chart for each thing that it told."""
    return list(_conditions(results, _first(results)))


def left_out(results: Iterable[Result]) -> int:
    """How many groups of rows have no chart of their samples."""
    return max(0, len(_panels(results, lambda trial: trial.group, with_number=False)) - MAX_PANELS)


# -------------------------------------------------------------------------------------------------- panels


def _panels(
    results: Iterable[Result], key: Callable[[Trial], tuple[Any, ...]], *, with_number: bool = True
) -> list[list[Result]]:
    """Rows that belong into one picture, in the table's order."""
    drawn = [row for row in in_order(results) if (row.verified if with_number else any(r.samples for r in row.rounds))]
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for row in drawn:
        groups.setdefault(key(row.trial), []).append(row)
    return list(groups.values())


def _largest(rows: Rows) -> list[Result]:
    largest = max(row.trial.work for row in rows)
    return sorted((row for row in rows if row.trial.work == largest), key=speed, reverse=True)


def _names(rows: Iterable[Result]) -> dict[str, str]:
    """What a row is called in a picture, by its key; with its source where a stack has two."""
    trials = [row.trial for row in rows]
    sources: dict[str, set[str]] = {}
    for trial in trials:
        sources.setdefault(trial.stack.name, set()).add(str(trial.stack))
    return {trial.key: str(trial.stack) if len(sources[trial.stack.name]) > 1 else trial.stack_name for trial in trials}


def _where(trial: Trial, name_benchmark: bool, *, with_size: bool = True) -> str:
    words = [trial.benchmark] if name_benchmark else []
    return ", ".join([*words, f"{trial.dtype} on {trial.place}", *([trial.size.words] if with_size else [])])


def _interval(row: Result) -> str:
    assert row.rate is not None
    if row.rate.low is None or row.rate.high is None:
        return "none: fewer than three rounds"
    return f"{figure(row.rate.low)} to {figure(row.rate.high)}"


# ------------------------------------------------------------------------------------------------ ranking


def _ranking(rows: list[Result], name_benchmark: bool) -> Chart:
    trial = rows[0].trial
    shown = rows[:MAX_BARS]
    note = f"Of {len(rows)} rows the {MAX_BARS} fastest are drawn." if len(rows) > MAX_BARS else ""
    names = _names(shown)
    data = [datum for row in shown for datum in _bars(row, names[row.trial.key])]
    order = "; ".join(f"{row_name(row.trial)} {figure(speed(row))}" for row in shown)
    return Chart(
        "ranking",
        _where(trial, name_benchmark),
        f"{trial.unit}, fastest first: {order}.",
        data,
        trial.unit,
        note=note,
        stacks=tuple(set(names.values())),
    )


def _bars(row: Result, name: str) -> Iterator[Datum]:
    assert row.rate is not None
    medians = [row.trial.work / each.median_seconds for each in row.rounds]
    common = {"row": _with_threads(row.trial, name), "stack": name}
    number = row.rate
    end = max(*medians, number.high or 0.0, number.median)
    yield {
        **common,
        "kind": "median",
        "rate": _short(number.median),
        "low": _short(number.low),
        "high": _short(number.high),
        "end": _short(end),
        "label": figure(number.median),
        "interval": _interval(row),
    }
    for each, value in zip(row.rounds, medians, strict=True):
        yield {**common, "kind": "round", "round": each.index + 1, "rate": _short(value), "label": figure(value)}


def _with_threads(trial: Trial, name: str) -> str:
    return name if trial.threads is None else f"{name}, {counted(trial.threads, 'thread')}"


def _short(value: float | None) -> float | None:
    """Six digits: more than a screen has."""
    return None if value is None else float(f"{value:.6g}")


# -------------------------------------------------------------------------------------------------- lines


def _lines(specification: str, name: str, rows: Rows, value: Callable[[Trial], int], name_benchmark: bool) -> Chart:
    names = _names(rows)
    data = [
        {
            "stack": names[row.trial.key],
            name: value(row.trial),
            "rate": _short(row.rate.median),
            "low": _short(row.rate.low),
            "high": _short(row.rate.high),
            "label": figure(row.rate.median),
            "interval": _interval(row),
        }
        for row in rows
        if row.rate is not None
    ]
    lines = {
        stack: [(datum[name], datum["label"]) for datum in points]
        for stack, points in _grouped(data, lambda datum: str(datum["stack"]))
    }
    told = "; ".join(
        f"{stack} {', '.join(f'{label} at {at}' for at, label in sorted(points))}" for stack, points in lines.items()
    )
    trial = rows[0].trial
    title = _where(trial, name_benchmark, with_size=specification != "sizes")
    if specification == "sizes" and trial.threads is not None:
        title += f", {counted(trial.threads, 'thread')}"
    return Chart(specification, title, f"{trial.unit} by {name}: {told}.", data, trial.unit, stacks=tuple(lines))


def _grouped(data: list[Datum], key: Callable[[Datum], str]) -> Iterator[tuple[str, list[Datum]]]:
    for name, group in groupby(sorted(data, key=key), key):
        yield name, list(group)


# ------------------------------------------------------------------------------------------------ samples


def _samples(rows: Rows, began: float, step: int, name_benchmark: bool) -> Chart:
    names = _names(rows)
    data = [datum for row in rows for each in row.rounds for datum in _points(row, each, names, began, step)]
    starts = {each.index: _began(each) for row in reversed(rows) for each in reversed(row.rounds)}
    for row in rows:
        for each in row.rounds:
            starts[each.index] = min(starts[each.index], _began(each))
    for index, start in starts.items():
        data.append({"kind": "round", "seconds": _short(start - began), "label": f"round {index + 1}"})
    count = sum(len(each.samples) for row in rows for each in row.rounds)
    trial = rows[0].trial
    name = _where(trial, name_benchmark) + ("" if trial.threads is None else f", {counted(trial.threads, 'thread')}")
    runs = f"{count:,} timed runs over time, in {counted(len(starts), 'round')}"
    words = f"{trial.unit} of each of {runs}; warmups are grey."
    note = "" if step <= 1 else f"Thinned: of each round every {step}th run, its fastest and its slowest are drawn."
    return Chart("samples", name, words, data, trial.unit, note=note, stacks=tuple(set(names.values())))


def _points(row: Result, each: Round, names: Mapping[str, str], began: float, step: int) -> Iterator[Datum]:
    work, offset = row.trial.work, _began(each) - began
    common = {"stack": names[row.trial.key], "round": each.index + 1}
    times = [sample.run_seconds for sample in each.samples]
    kept = {0, len(times) - 1, times.index(min(times)), times.index(max(times))} if times else set()
    for number, sample in enumerate(each.samples):
        if step <= 1 or number % step == 0 or number in kept:
            at, speed = _short(offset + sample.at_seconds), _short(work / sample.run_seconds)
            yield {**common, "kind": "run", "seconds": at, "rate": speed}
    # Only how long warmups took is known: they are drawn as if the last of them had ended when the first run began.
    end = each.samples[0].at_seconds - each.samples[0].seconds if each.samples else 0.0
    for seconds in reversed(each.warmup_seconds[-20:]):
        if seconds > 0:
            yield {
                **common,
                "kind": "warmup",
                "seconds": _short(offset + max(end, 0)),
                "rate": _short(work / seconds),
            }
        end -= seconds


CONDITIONS = {
    "other_cpu_percent": "Other programs, % of the CPU",
    "steal_percent": "Taken by the host, % of the CPU",
    "cpu_mhz": "CPU clock, MHz",
    "temperature_celsius": "CPU temperature, °C",
    "gpu_clock_mhz": "GPU clock, MHz",
    "gpu_temperature_celsius": "GPU temperature, °C",
    "gpu_power_watts": "GPU power, W",
}


def _conditions(rows: Rows, began: float) -> Iterator[Chart]:
    names = _names(rows)
    for name, title in CONDITIONS.items():
        data = [
            {
                "stack": names[row.trial.key],
                "round": each.index + 1,
                "start": _short(_began(each) - began),
                "end": _short(_began(each) - began + _length(each)),
                "value": each.conditions[name],
            }
            for row in rows
            for each in row.rounds
            if isinstance(each.conditions.get(name), int | float)
        ]
        if any(datum["value"] for datum in data):
            values = [float(datum["value"]) for datum in data]
            words = f"{min(values):,.4g} to {max(values):,.4g}, round by round."
            yield Chart("conditions", title, words, data, stacks=tuple(set(names.values())))


def _first(results: Iterable[Result]) -> float:
    return min((_began(each) for result in results for each in result.rounds), default=0.0)


def _began(each: Round) -> float:
    return datetime.fromisoformat(each.started).timestamp()


def _length(each: Round) -> float:
    return each.samples[-1].at_seconds if each.samples else 0.0
