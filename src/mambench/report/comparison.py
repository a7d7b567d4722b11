"""A comparison -> its JSON and its page. Pure; the schema is resources/comparison.schema.json."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from mambench import __version__
from mambench.analysis import matching
from mambench.analysis.colours import colour
from mambench.analysis.digest import Digest
from mambench.analysis.intervals import LEVEL
from mambench.analysis.matching import Pair, Side
from mambench.analysis.rows import row_name, source, with_unit
from mambench.analysis.verdicts import group_words
from mambench.report.html import clipped
from mambench.report.page import Chart, Materials, render

SCHEMA_VERSION = 1
"""Of the comparison's JSON."""

MAX_ROWS = 500
"""In the page's table; MAX_BARS in its charts."""

MAX_BARS = 24


@dataclass(frozen=True)
class Compared:
    """Reports on two sides, matched, and what could not be read."""

    baseline: tuple[Digest, ...]
    candidate: tuple[Digest, ...]
    pairs: tuple[Pair, ...]
    problems: tuple[str, ...] = ()


def to_dict(compared: Compared) -> dict[str, Any]:
    """The comparison as plain dictionaries and lists."""
    return {
        "schema_version": SCHEMA_VERSION,
        "mambench": __version__,
        "level": LEVEL,
        "baseline": [_report(each) for each in compared.baseline],
        "candidate": [_report(each) for each in compared.candidate],
        "rows": [_row(pair) for pair in compared.pairs],
        "problems": list(compared.problems),
    }


def _report(digest: Digest) -> dict[str, Any]:
    return {
        "run_id": digest.run_id,
        "created": digest.created,
        "machine": digest.machine,
        "mambench": digest.mambench,
        "methodology": digest.methodology,
        "complete": digest.complete,
    }


def _row(pair: Pair) -> dict[str, Any]:
    difference = pair.difference
    return {
        "trial": pair.trial.key,
        "verdict": pair.verdict or "incomparable",
        "obstacle": pair.obstacle,
        "detail": pair.detail or None,
        "ratio": difference.ratio if difference else None,
        "low": difference.low if difference else None,
        "high": difference.high if difference else None,
        "p_value": difference.p_value if difference else None,
        "baseline": _side(pair.baseline),
        "candidate": _side(pair.candidate),
        "changes": [asdict(change) for change in pair.changes],
    }


def _side(side: Side) -> dict[str, Any] | None:
    if not side.rows:
        return None
    size = side.rows[0].trial.size
    rates = {"rate": side.rate, "unit": size.unit, "gflops": side.rate if size.rate_is_gflops else None}
    return {"machine": side.machine, **rates, "sessions": len(side.measured)}


# --------------------------------------------------------------------------------------------------- page


def page(compared: Compared, materials: Materials, *, command: str) -> str:
    """One self-contained page."""
    shown = matching.first(compared.pairs, MAX_ROWS)
    charts = _charts(compared.pairs)
    return render(
        materials,
        "compare.html",
        charts=charts,
        ratios=charts,
        headline=headline(compared),
        sentences=[clipped(each) for each in matching.sentences(compared.pairs)],
        rows=[_cells(pair, with_machine=matching.several_machines(compared.pairs)) for pair in shown],
        rows_left_out=len(compared.pairs) - len(shown),
        sides=[("baseline", _told(compared.baseline)), ("candidate", _told(compared.candidate))],
        problems=[clipped(each) for each in compared.problems],
        command=clipped(command),
    )


def headline(compared: Compared) -> str:
    """The answer in one sentence."""
    pairs = compared.pairs
    if len(pairs) == 1 and pairs[0].verdict is not None and pairs[0].difference:
        trial, ratio = pairs[0].trial, pairs[0].difference.ratio
        where = f"{row_name(trial)}, {group_words(trial, name_benchmark=False)}"
        if pairs[0].verdict == "same":
            return f"{where}: no difference that these measurements can see."
        return f"{where} is {pairs[0].verdict}: {ratio:.2f} times the baseline's speed."
    return matching.summary(pairs)


def _told(digests: Sequence[Digest]) -> list[str]:
    told = [f"{each.created} on {each.machine}, run {each.run_id[:8]}, mambench {each.mambench}" for each in digests]
    more = [f"and {len(told) - MAX_BARS:,} more"] if len(told) > MAX_BARS else []
    return [clipped(each, 200) for each in told[:MAX_BARS]] + more


def _cells(pair: Pair, *, with_machine: bool) -> Mapping[str, Any]:
    trial, difference = pair.trial, pair.difference
    interval = (
        f"{difference.low:.3f} to {difference.high:.3f}" if difference and difference.low and difference.high else "–"
    )
    machine = f", {matching.machine_name(pair)}" if with_machine else ""
    return {
        "name": clipped(f"{row_name(trial)}{machine}", 200),
        "colour": colour(trial.stack.name),
        "cells": (source(trial), trial.place, trial.dtype),
        "size": trial.size.label,
        "baseline": "–" if pair.baseline.rate is None else with_unit(pair.baseline.rate, trial),
        "candidate": "–" if pair.candidate.rate is None else with_unit(pair.candidate.rate, trial),
        "ratio": f"{difference.ratio:.3f}" if difference else "–",
        "interval": interval,
        "verdict": matching.VERDICTS[pair.verdict],
        "state": {"faster": "good", "slower": "bad", "same": "same", None: "none"}[pair.verdict],
        "why": clipped(matching.why(pair)) if pair.verdict in ("faster", "slower") else pair.detail,
    }


def _charts(pairs: Sequence[Pair]) -> list[Chart]:
    """The ratios that have an interval, those of differences first."""
    several = matching.several_machines(pairs)
    drawn = [pair for pair in pairs if pair.difference and pair.difference.low and pair.verdict]
    shown = matching.first(drawn, MAX_BARS)
    if not shown:
        return []
    names = matching.short_names(shown, with_machine=several)
    data = [_datum(pair, name) for pair, name in zip(shown, names, strict=True)]
    words = "; ".join(f"{each['row']}: {each['label']}, {each['verdict']}" for each in data)
    note = f"Of {len(drawn):,} rows {MAX_BARS} are drawn." if len(drawn) > MAX_BARS else ""
    return [Chart("ratios", "Speed of the candidate over the baseline", f"{words}.", data, note=note)]


def _datum(pair: Pair, name: str) -> dict[str, Any]:
    difference = pair.difference
    assert difference and difference.low and difference.high
    return {
        "row": clipped(name, 120),
        "ratio": difference.ratio,
        "low": difference.low,
        "high": difference.high,
        "label": f"{difference.ratio:.3f} ({difference.low:.3f} to {difference.high:.3f})",
        "verdict": matching.VERDICTS[pair.verdict],
    }
