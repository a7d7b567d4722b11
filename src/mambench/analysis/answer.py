"""What a report means in plain sentences: what is fastest, whether to believe it, what to do if not. Pure.

Terminal, wizard and HTML page show the same sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from mambench.analysis.compare import compare
from mambench.analysis.energy import energy
from mambench.analysis.intervals import LEVEL, MIN_ROUNDS
from mambench.analysis.peak import peak, reference
from mambench.analysis.sequential import level_of
from mambench.analysis.sustained import sustained
from mambench.analysis.verdicts import group_words, listed, row_words, several_benchmarks, verdicts
from mambench.analysis.words import counted, percent
from mambench.model import CPU, Device, DeviceKind, Machine, Report, Result, Trial, WarningKind

NOISE = frozenset(
    {
        WarningKind.SPREAD,
        WarningKind.OUTPACED,
        WarningKind.DRIFT,
        WarningKind.OTHER_PROGRAM,
        WarningKind.STEAL,
        WarningKind.QUOTA,
        WarningKind.THROTTLED,
        WarningKind.BATTERY,
    }
)
"""Warnings of a disturbed measurement: its number may be off, and another run would give another one."""

UNITS = {"GFLOPS": "billions of floating-point operations", "GB/s": "billions of bytes moved"}

WIDE = 0.05
"""Half of an interval, in parts of its middle, above which the number is no use for a close decision."""


def disturbed(result: Result) -> bool:
    """Whether something disturbed this row, so that it must not look as good as a quiet one."""
    return any(warning.kind in NOISE for warning in result.warnings)


def answer(report: Report) -> list[str]:
    """The sentences under the table, in the order of their importance."""
    measured = [result for result in report.results if result.rate is not None and result.failure is None]
    if not measured:
        return ["Nothing was measured; the reasons are below."] if report.results else []
    return [
        *_units(measured),
        *verdicts(report.results, level=level_of(report)),
        *_first_looks(measured),
        *_gpus_apart(measured),
        *_gpus_at_once(measured),
        _belief(measured),
        *_falls(measured),
        *_shares_of_the_peak(measured, report.machine),
        *_beside_published(measured, report.machine),
        *_costs(measured),
    ]


def _units(measured: Sequence[Result]) -> Iterator[str]:
    """What each unit counts."""
    for unit in dict.fromkeys(row.trial.unit for row in measured):
        yield f"{unit} are {UNITS[unit]} a second: more is better." if unit in UNITS else f"{unit}: more is better."


def _first_looks(measured: Sequence[Result]) -> Iterator[str]:
    """Of each group with too few rounds for a verdict: what was faster this time, claiming no more than that."""
    groups: dict[tuple[object, ...], list[Result]] = {}
    for result in measured:
        if result.verified and len(result.rounds) < MIN_ROUNDS:
            groups.setdefault(result.trial.group, []).append(result)
    several = several_benchmarks(measured)
    for rows in groups.values():
        first, *others = sorted(rows, key=speed, reverse=True)
        if others:
            times = listed(f"{speed(first) / speed(other):.2f} times {row_words(other.trial)}" for other in others)
            where = group_words(first.trial, name_benchmark=several)
            yield f"{where}: this time {row_words(first.trial)} was faster, {times}"


def _falls(measured: Sequence[Result]) -> Iterator[str]:
    """Of rows that were measured for long: how their steady state compares with their first seconds."""
    for row in measured:
        if (seen := sustained(row)) is not None and seen.cause is not None:
            where = f"{row_words(row.trial)}, {row.trial.dtype}, {row.trial.size.words}"
            speeds = f"{seen.burst:,.1f} {row.trial.unit} at first, {seen.steady:,.1f} in the long run"
            yield f"{where}: {speeds}, {percent(seen.fall_percent)} less: {seen.cause}"


def _shares_of_the_peak(measured: Sequence[Result], machine: Machine) -> Iterator[str]:
    """For each device and element type the calculation for its fastest row; what is unknown once for each device."""
    unknown: set[Device] = set()
    several = several_benchmarks(measured)
    for row in _fastest_by(measured, lambda row: (row.trial.benchmark, row.trial.device, row.trial.dtype)):
        share, device = peak(row, machine), row.trial.device
        if share is not None and share.percent is not None:
            where = (f"{row.trial.benchmark} " if several else "") + f"{row.trial.dtype} on {device}"
            yield f"{where}: {row_words(row.trial)} reaches {percent(share.percent)} of the peak: {share.words}"
        elif share is not None and device not in unknown:
            unknown.add(device)
            yield f"Percent of peak is unknown on {device}: {share.words}"


def _beside_published(measured: Sequence[Result], machine: Machine) -> Iterator[str]:
    """Whether the numbers are normal for this CPU or GPU, where somebody published one."""
    for row in _fastest_by(measured, lambda row: reference(row, machine)):
        published = reference(row, machine)
        if published is not None:
            share = f"{percent(100 * speed(row) / published.gflops)} of the {published.gflops:,.0f} GFLOPS"
            device = "processor" if published.kind == DeviceKind.CPU else "GPU"
            where = f"{row_words(row.trial)}, {row.trial.dtype}"
            yield f"{where}: {share} published for this {device} ({published.source}; {published.conditions})"


def _costs(measured: Sequence[Result]) -> Iterator[str]:
    """Energy of the fastest row of each device and element type, where the system tells."""
    several = several_benchmarks(measured)
    for row in _fastest_by(measured, lambda row: (row.trial.benchmark, row.trial.device, row.trial.dtype)):
        if (cost := energy(row)) is not None:
            where = (f"{row.trial.benchmark}, " if several else "") + f"{row_words(row.trial)}, {row.trial.dtype}"
            rate = "" if cost.gflops_per_watt is None else f", {cost.gflops_per_watt:.3g} GFLOPS per watt"
            power = f"{cost.watts:.0f} W ({cost.measured}, idle power included)"
            yield f"{where}: {power}, {cost.joules_per_product:.3g} J for a run{rate}"


def _fastest_by(measured: Sequence[Result], key: Callable[[Result], object]) -> list[Result]:
    """The fastest verified row for each value of the key, in the order in which they come."""
    best: dict[object, Result] = {}
    for row in measured:
        if row.verified and ((seen := best.get(key(row))) is None or speed(row) > speed(seen)):
            best[key(row)] = row
    return list(best.values())


def speed(result: Result) -> float:
    """The rate, in its unit; 0 without a number."""
    return result.rate.median if result.rate is not None else 0.0


def _gpus_apart(measured: Sequence[Result]) -> Iterator[str]:
    """Where one stack ran on several GPUs: the slowest against the fastest, if rounds prove the difference.

    The two extremes are one of all pairs that could have been picked: Bonferroni's correction over all pairs.
    """
    same: dict[tuple[Trial, bool], list[Result]] = {}
    for row in measured:
        if row.verified and row.trial.device.kind != DeviceKind.CPU:
            same.setdefault((replace(row.trial, device=CPU, beside=()), bool(row.trial.beside)), []).append(row)
    for rows in same.values():
        slow, fast = min(rows, key=speed), max(rows, key=speed)
        test, pairs = compare(fast, slow), len(rows) * (len(rows) - 1) // 2
        if test.verdict == "faster" and test.p_value is not None and test.p_value < (1 - LEVEL) / pairs:
            where = f"{row_words(slow.trial)}, {slow.trial.dtype}, {slow.trial.size.words}"
            times = f"{speed(slow) / speed(fast):.2f} times {fast.trial.device}"
            yield f"{where}: {slow.trial.device} is the slowest of {len(rows)} GPUs, {times}"


def _gpus_at_once(measured: Sequence[Result]) -> Iterator[str]:
    """What a GPU loses, or not, while the others work; paired by round."""
    alone = {row.trial: row for row in measured if row.verified and not row.trial.beside}
    for row in measured:
        before = alone.get(replace(row.trial, beside=()))
        if not row.trial.beside or not row.verified or before is None:
            continue
        test = compare(before, row)
        where = f"{row_words(row.trial)}, {row.trial.dtype}, {row.trial.size.words}, {row.trial.device}"
        others = listed(map(str, row.trial.beside))
        if test.verdict == "faster":
            yield f"{where}: {speed(row) / speed(before):.2f} times its own speed with {others} at work too"
        elif test.verdict == "same":
            yield f"{where}: no loss that this measurement can see with {others} at work too"


def _belief(measured: Sequence[Result]) -> str:
    """Whether to believe the numbers, the worst reason for doubt first, and what to do about it."""
    unchecked = [result for result in measured if not result.verified]
    if unchecked:
        return f"Do not rely on {_names(unchecked)}: the result was not checked. Run again."
    noisy = [result for result in measured if disturbed(result)]
    if noisy:
        rows = "any row" if len(noisy) == len(measured) and len(noisy) > 1 else _names(noisy)
        return (
            f"Do not rely on {rows} (marked ~): something disturbed the measurement, see below. Fix it and run again."
        )
    fewest = min(len(result.rounds) for result in measured)
    if fewest < MIN_ROUNDS:
        return (
            f"Good for a first look: every result was checked and nothing disturbed the measurement, but "
            f"{counted(fewest, 'round')} cannot tell a small difference from chance: --preset standard does."
        )
    width = max(_half_width(result) for result in measured)
    if width > WIDE:
        return f"Believe only large differences: a number may be off by {percent(100 * width)}; --rounds 10 narrows it."
    return (
        f"You can believe it: every result was checked, nothing disturbed the measurement, "
        f"and in {counted(fewest, 'round')} each number was found to within {100 * width:.1f} %."
    )


def _names(results: Sequence[Result]) -> str:
    return listed(dict.fromkeys(row_words(result.trial) for result in results))


def _half_width(result: Result) -> float:
    """Of the interval, in parts of the value."""
    assert result.rate is not None and result.rate.low is not None and result.rate.high is not None
    return (result.rate.high - result.rate.low) / 2 / result.rate.median
