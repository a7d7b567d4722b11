"""A report -> its page: the answer, the charts, the tables, what ran, where, and what it means. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from mambench.analysis.answer import answer, disturbed, speed
from mambench.analysis.colours import colour
from mambench.analysis.ratios import Ratio
from mambench.analysis.rows import by_benchmark, fastest, figure, has_number, in_order, row_name, source
from mambench.analysis.sequential import level_of
from mambench.analysis.summary import BY_ITSELF, TITLES, Summary, SummaryOptions, summary
from mambench.analysis.verdicts import proven_fastest
from mambench.analysis.words import counted, percent, sentence
from mambench.model import Environment, Machine, Report, Result, Round
from mambench.report import charts, document
from mambench.report.cells import check_words
from mambench.report.headline import headline
from mambench.report.page import Materials, attached, render

LONGEST = 2000
"""Characters of one text in the page; the JSON has all of them."""

LONGEST_LOCK = 6000

SAID_ELSEWHERE = ("python", "platform", "machine", "ready_seconds", "device_kind")
"""Facts of the worker that the page has in another place, or that tell nothing to a reader."""

MAX_ROUND_ROWS = 600
"""Of the table of rounds."""


def page(
    report: Report, materials: Materials, *, name: str, command: str = "", across: SummaryOptions = BY_ITSELF
) -> str:
    """The page of a run; `name` is that of its JSON file, `command` what was typed. Raises ReportError: not finite."""
    results = in_order(report.results)
    kinds = charts.ranking, charts.sizes, charts.threads, charts.samples, charts.conditions
    ranking, sizes, threads, samples, conditions = (make(results) for make in kinds)
    return render(
        materials,
        "run.html",
        charts=[*ranking, *sizes, *threads, *samples, *conditions],
        report=report,
        headline=headline(report),
        sentences=answer(report),
        sections=_sections(report),
        summary=_across(summary(report, across)),
        round_rows=_round_rows(results)[:MAX_ROUND_ROWS],
        round_rows_left_out=max(0, len(_round_rows(results)) - MAX_ROUND_ROWS),
        samples_left_out=charts.left_out(results),
        ranking=ranking,
        sizes=sizes,
        threads=threads,
        samples=samples,
        conditions=conditions,
        stacks=[_stack(each, results) for each in report.environments],
        machine=_machine(report.machine),
        warnings=[clipped(text) for text in report.warnings],
        command=clipped(command),
        attachment=attached(name, document.dumps(report)),
    )


def clipped(text: str, longest: int = LONGEST) -> str:
    """A text that a page can hold."""
    return text if len(text) <= longest else f"{text[:longest]}… ({len(text):,} characters; the JSON has all)"


# --------------------------------------------------------------------------------------------------- rows


@dataclass(frozen=True)
class Row:
    """What the table says of one trial, in words."""

    cells: tuple[str, ...]
    name: str
    colour: str
    number: str
    times: str
    interval: str
    best: str
    spread: str
    rounds: str
    check: str
    state: str
    """`good`, `doubtful` or `none`, for its looks."""
    is_fastest: bool
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """The table of one benchmark, and what it measures."""

    name: str
    title: str
    unit: str
    words: tuple[str, ...]
    rows: tuple[Row, ...]


def _sections(report: Report) -> list[Section]:
    proven = proven_fastest(report.results, level=level_of(report))
    known = {each.name: each for each in report.benchmarks}
    sections = []
    for name, results in by_benchmark(report.results):
        best, about = fastest(results), known.get(name)
        rows = tuple(_row(row, best.get(row.trial.group), is_fastest=row in proven) for row in results)
        words = () if about is None else tuple(clipped(text) for text in (about.description, about.limit) if text)
        title = name if about is None else about.title
        sections.append(Section(clipped(name), clipped(title), results[0].trial.unit, words, rows))
    return sections


def _row(row: Result, best: Result | None, *, is_fastest: bool) -> Row:
    trial = row.trial
    notes = [sentence(warning) for warning in row.warnings]
    if row.failure is not None:
        log = f" (log: {row.failure.log})" if row.failure.log else ""
        notes.insert(0, row.failure.message + log)
    number = row.rate if has_number(row) else None
    interval = f"{figure(number.low)} to {figure(number.high)}" if number and number.low and number.high else "–"
    return Row(
        cells=(source(trial), trial.place, trial.dtype, trial.size.label),
        name=clipped(row_name(trial)),
        colour=colour(trial.stack.name),
        number=figure(number.median) if number else "–",
        times=f"{speed(row) / speed(best):.2f}" if number and best and row.verified else "–",
        interval=interval,
        best=figure(number.best) if number else "–",
        spread="–" if row.spread is None else percent(100 * row.spread),
        rounds=str(len(row.rounds)),
        check=check_words(row),
        state="none" if number is None else "doubtful" if disturbed(row) or not row.verified else "good",
        is_fastest=is_fastest,
        notes=tuple(clipped(note) for note in notes),
    )


def _round_rows(results: Iterable[Result]) -> list[tuple[str, ...]]:
    """Row, round, runs, median, slowest, fastest, warmups, and what the machine did meanwhile."""
    return [_round(row, each) for row in results for each in row.rounds]


def _round(row: Result, each: Round) -> tuple[str, ...]:
    trial, seconds = row.trial, [sample.run_seconds for sample in each.samples]
    work = trial.work
    numbers = (
        [figure(work / value) for value in (median(seconds), max(seconds), min(seconds))] if seconds else ["–"] * 3
    )
    where = f"{row_name(trial)}, {trial.benchmark}, {trial.dtype}, {trial.place}, {trial.size.words}, {trial.unit}"
    told = [
        f"{title}: {each.conditions[name]:,.4g}"
        for name, title in charts.CONDITIONS.items()
        if isinstance(each.conditions.get(name), int | float)
    ]
    told += ["slowed down by heat or power"] if each.conditions.get("throttled") is True else []
    told += ["on battery"] if each.conditions.get("on_battery") is True else []
    warm = f"{len(each.warmup_seconds)}"
    return where, str(each.index + 1), each.started, str(len(seconds)), *numbers, warm, clipped("; ".join(told) or "–")


def _across(seen: Summary | None) -> dict[str, Any] | None:
    """The summary in words; a cell is its text and its looks."""
    if seen is None:
        return None
    return {
        "titles": TITLES,
        "stacks": [clipped(name) for name in seen.stacks],
        "heading": clipped(seen.heading),
        "lines": [([clipped(cell) for cell in line.titles], [*map(_ratio, line.cells)]) for line in seen.lines],
        "scores": [*map(_ratio, seen.scores)],
        "sentences": [clipped(text) for text in seen.sentences],
    }


def _ratio(ratio: Ratio) -> tuple[str, str]:
    return ratio.text, "doubt" if ratio.disturbed else "" if ratio.proven or ratio.is_baseline else "unproven"


# ------------------------------------------------------------------------------------ what ran, and where


def _stack(environment: Environment, results: list[Result]) -> dict[str, Any]:
    rows = [row for row in results if row.trial.stack == environment.key]
    facts = next((each.facts for row in rows for each in row.rounds if each.facts), {})
    told = {
        name.replace("_", " "): clipped(str(value))
        for name, value in facts.items()
        if isinstance(value, str | int | float) and not isinstance(value, bool) and name not in SAID_ELSEWHERE
    }
    return {
        "name": clipped(str(environment.key)),
        "title": clipped(environment.spec.title),
        "colour": colour(environment.spec.name),
        "python": environment.version,
        "source": environment.source,
        "origin": environment.spec.origin,
        "facts": told,
        "channels": clipped(", ".join(environment.channels)),
        "variables": {clipped(name): clipped(text) for name, text in environment.variables.items()},
        "packages_words": counted(len(environment.packages), "package"),
        "packages": [(each.name, each.version, each.build or "") for each in environment.packages],
        "lock": clipped(environment.lock_file or "", LONGEST_LOCK),
    }


def _machine(machine: Machine) -> list[tuple[str, str]]:
    cpu = machine.cpu
    gpus = [
        (
            f"GPU {gpu.device}",
            ", ".join(
                filter(
                    None,
                    (
                        gpu.name,
                        f"{gpu.memory_bytes / 2**30:.0f} GiB" if gpu.memory_bytes else "",
                        f"driver {gpu.driver}" if gpu.driver else "",
                    ),
                )
            ),
        )
        for gpu in machine.gpus
    ]
    facts = [
        ("CPU", cpu.model),
        (
            "cores",
            f"{counted(cpu.physical_cores, 'core')}, {counted(cpu.logical_cores, 'thread')}, {cpu.usable_cores} usable",
        ),
        ("SIMD", ", ".join(cpu.simd) or "unknown"),
        ("memory", f"{machine.memory_bytes / 2**30:.1f} GiB"),
        *gpus,
        ("system", f"{machine.os} ({machine.platform})"),
        ("name", machine.hostname),
        *(("note", note) for note in machine.notes),
    ]
    return [(name, clipped(text)) for name, text in facts]
