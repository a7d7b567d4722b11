"""Across benchmarks: each stack's speed over a baseline's, group by group, and one number only where asked for. Pure.

docs/summary.md says what is left out, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from mambench.analysis.intervals import MIN_ROUNDS
from mambench.analysis.ratios import MIN_MEMBERS, Ratio, Rows, lacking, ratios_to, scores
from mambench.analysis.rows import by_benchmark
from mambench.analysis.sequential import level_of
from mambench.analysis.verdicts import group_words, listed, row_words, several_benchmarks
from mambench.analysis.words import counted
from mambench.model import Report, Result, Trial

MAX_NAMED = 3
"""Groups that a sentence names before it counts the others."""

SCORE = "geometric mean"


@dataclass(frozen=True)
class SummaryOptions:
    """What was asked for; without anything, two benchmarks have a table and nobody has a score."""

    baseline: str | None = None
    score: bool = False

    @property
    def asked(self) -> bool:
        return self.baseline is not None or self.score


BY_ITSELF = SummaryOptions()


@dataclass(frozen=True)
class Line:
    """One group of rows that differ in their stack only, with a cell for each stack."""

    trial: Trial
    """Of the baseline."""
    cells: tuple[Ratio, ...]

    @property
    def titles(self) -> tuple[str, ...]:
        """Under `TITLES`."""
        trial = self.trial
        threads = "default" if trial.threads is None else str(trial.threads)
        return trial.benchmark, trial.dtype, trial.size.label, trial.place, threads


TITLES = ("benchmark", "dtype", "size", "device", "threads")


@dataclass(frozen=True)
class Summary:
    """A table of groups and stacks, or no lines and the sentence that says why there is none."""

    sentences: tuple[str, ...]
    baseline: str = ""
    stacks: tuple[str, ...] = ()
    """Names of the columns, the baseline's first."""
    lines: tuple[Line, ...] = ()
    scores: tuple[Ratio, ...] = ()
    """A cell for each stack; empty unless asked for and possible."""
    ratios: Mapping[Trial, Ratio] = field(default_factory=dict, compare=False)
    """The cell of each row that has one."""

    @property
    def heading(self) -> str:
        return f"Speed over {self.baseline}: more is faster"


def summary(report: Report, options: SummaryOptions = BY_ITSELF) -> Summary | None:
    """The table; None where nobody asked for it and one benchmark's own table says as much."""
    usable = [row for row in report.results if row.verified]
    if not options.asked and not several_benchmarks(usable):
        return None
    refused = _refusal(report.results, usable, options)
    if refused:
        return Summary((f"No summary across groups: {refused}",)) if options.asked else None
    return _summary(report, _baseline(report.results, usable, options), options)


def named(trials: Iterable[Trial], text: str) -> tuple[str, ...]:
    """The stacks that a person can mean by a name, as `row_words` has them: `numpy-mkl`, `numpy-mkl@conda`."""
    meant = (each for each in trials if text in (row_words(each), each.stack_name, each.stack.name))
    return tuple(dict.fromkeys(map(row_words, meant)))


# ---------------------------------------------------------------------------------------------- baseline


def _refusal(results: Sequence[Result], usable: Sequence[Result], options: SummaryOptions) -> str:
    """Why there is no table, in words."""
    if options.baseline is not None and not (named((row.trial for row in usable), options.baseline)):
        return f"{options.baseline} has no verified number; name another --baseline"
    baseline = _baseline(results, usable, options)
    lines = len(_groups_of(results, baseline)) if baseline else 0
    if lines < MIN_MEMBERS:
        against = f" with {baseline} and another stack" if baseline else ""
        return (
            f"it needs two groups of rows{against}, here is {lines or 'none'}; measure more sizes, dtypes or benchmarks"
        )
    return ""


def _baseline(results: Sequence[Result], usable: Sequence[Result], options: SummaryOptions) -> str:
    """The one that was named, else the stack that can be compared in most groups, the first of the report if equal."""
    if options.baseline is not None:
        return named((row.trial for row in usable), options.baseline)[0]
    stacks = Counter(row.trial.group for row in usable)
    counts = dict.fromkeys((row_words(row.trial) for row in results), 0)
    for row in usable:
        counts[row_words(row.trial)] += stacks[row.trial.group] > 1
    return max(counts, key=lambda name: counts[name], default="")


def _groups(results: Iterable[Result]) -> dict[object, Rows]:
    groups: dict[object, Rows] = {}
    for _, rows in by_benchmark(results):
        for row in rows:
            groups.setdefault(row.trial.group, {})[row_words(row.trial)] = row
    return groups


def _groups_of(results: Iterable[Result], baseline: str) -> list[Rows]:
    """Those in which the baseline has a verified number and another stack was to have one."""
    return [
        rows for rows in _groups(results).values() if baseline in rows and rows[baseline].verified and len(rows) > 1
    ]


# ------------------------------------------------------------------------------------------------- table


def _summary(report: Report, baseline: str, options: SummaryOptions) -> Summary:
    groups, level = _groups_of(report.results, baseline), level_of(report)
    every = dict.fromkeys(row_words(row.trial) for row in report.results)
    with_ratio = {name for rows in groups for name, row in rows.items() if row.verified}
    stacks = [baseline, *(name for name in every if name in with_ratio and name != baseline)]
    ratios = ratios_to(groups, baseline, level)
    lines = tuple(
        Line(rows[baseline].trial, tuple(_cell(rows.get(name), ratios) for name in stacks)) for rows in groups
    )
    labels = {name: _label(name, report.results) for name in every}
    short = [labels[name] for name in stacks]
    means = scores(groups, stacks, level) if options.score else ()
    cells = [cell for line in lines for cell in line.cells] + list(means)
    sentences = [
        *_legend(cells),
        *_left_out(report.results, groups, baseline, labels, [name for name in every if name not in stacks]),
        *(_about_scores(groups, stacks, labels) if options.score else ()),
    ]
    return Summary(tuple(sentences), labels[baseline], tuple(short), lines, means, ratios)


def _label(name: str, results: Iterable[Result]) -> str:
    """Without its source, unless another stack would have the same name then."""
    trials = {row_words(row.trial): row.trial for row in results}
    alike = [each for each in trials.values() if each.stack_name == trials[name].stack_name]
    return name if len(alike) > 1 else trials[name].stack_name


def _cell(row: Result | None, ratios: Mapping[Trial, Ratio]) -> Ratio:
    if row is not None and row.trial in ratios:
        return ratios[row.trial]
    if row is not None and row.status == "ok":
        return Ratio(None, words="not checked")
    return Ratio(None, words="failed" if row is not None and row.status == "failed" else "-")


def _legend(cells: Sequence[Ratio]) -> Iterator[str]:
    numbers = [cell for cell in cells if cell.value is not None]
    if any(not (cell.proven or cell.is_baseline) for cell in numbers):
        yield f"? no difference is proven: more rounds may tell ({MIN_ROUNDS} at least); take it for none."
    if any(cell.disturbed for cell in numbers):
        yield "~ something disturbed one of the two measurements: do not rely on it."


def _left_out(
    results: Sequence[Result],
    groups: Sequence[Rows],
    baseline: str,
    labels: Mapping[str, str],
    stacks: Sequence[str],
) -> Iterator[str]:
    """Groups and stacks that the table does not have, so that nobody takes it for everything."""
    inside = {rows[baseline].trial.group for rows in groups}
    outside = [rows for group, rows in _groups(results).items() if group not in inside]
    measured = [rows for rows in outside if any(row.verified for row in rows.values())]
    alone = [rows for rows in measured if baseline in rows and rows[baseline].verified]
    without = [rows for rows in measured if not (baseline in rows and rows[baseline].verified)]
    name = labels[baseline]
    if without:
        yield f"Left out, as {name} has no verified number there: {_group_names(without)}."
    if alone:
        yield f"Left out, as only {name} was measured there: {_group_names(alone)}."
    if stacks:
        yield f"Left out, with no verified number where {name} has one: {listed(labels[each] for each in stacks)}."


def _group_names(groups: Sequence[Rows]) -> str:
    names = [group_words(next(iter(rows.values())).trial, name_benchmark=True) for rows in groups]
    others = [counted(len(names) - MAX_NAMED, "other")] if len(names) > MAX_NAMED else []
    return "; ".join([*names[:MAX_NAMED], *others])


# ------------------------------------------------------------------------------------------------- score


def _about_scores(groups: Sequence[Rows], stacks: Sequence[str], labels: Mapping[str, str]) -> Iterator[str]:
    """What the scores are means of, and who has none."""
    counts = Counter(rows[stacks[0]].trial.benchmark for rows in groups)
    members = listed(f"{name} ({counted(count, 'group')})" for name, count in counts.items())
    if any(not lacking(groups, name) for name in stacks[1:]):
        yield f"The {SCORE} is over all {len(groups)} groups of this table, each counting the same: {members}."
    for name in stacks:
        if missing := lacking(groups, name):
            yield (
                f"{labels[name]} has no {SCORE}: it has no verified number in {_group_names(missing)}, "
                "and means over different groups cannot be compared."
            )
