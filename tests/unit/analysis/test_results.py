"""Medians, intervals, verdicts and warnings; the statistics are checked against scipy and by simulation."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from builders import a_report, a_size, a_trial

from mambench.analysis import student_t as student
from mambench.analysis.compare import compare, methodology_warning
from mambench.analysis.results import summarise
from mambench.analysis.verdicts import proven_fastest, verdicts
from mambench.analysis.words import sentence
from mambench.catalogue.presets import PRESETS
from mambench.model import (
    Check,
    Failure,
    Reason,
    Result,
    Round,
    RowWarning,
    Sample,
    Statistic,
    Trial,
    WarningKind,
)

OK = Check(name="freivalds", error=1e-15, tolerance=1e-13, ok=True)
NOISE = (0.999, 1.0, 1.001)
"""Within 0.1 % in three rounds."""

WRONG = Check(name="freivalds", error=1.0, tolerance=1e-13, ok=False)


def trial(stack: str = "numpy-mkl@conda", **changes: Any) -> Trial:
    return a_trial(stack, **{"m": 8000, "n": 8000, "k": 8000, **changes})


def a_round(
    *seconds: float,
    index: int = 0,
    loops: int = 1,
    checks: tuple[Check, ...] = (OK,),
    conditions: Mapping[str, Any] | None = None,
    failure: Failure | None = None,
    warnings: tuple[RowWarning, ...] = (),
    facts: Mapping[str, Any] | None = None,
) -> Round:
    return Round(
        index=index,
        order=0,
        started="2026-11-21T10:00:00Z",
        warmup_seconds=(),
        samples=tuple(Sample(at_seconds=1.0, seconds=value * loops, loops=loops) for value in seconds),
        facts=facts or {},
        checks=checks,
        conditions=conditions or {},
        log="logs/x",
        failure=failure,
        warnings=warnings,
    )


def rounds_of(*medians: float) -> list[Round]:
    return [a_round(value, index=index) for index, value in enumerate(medians)]


def row(stack: str, medians: Sequence[float], **changes: Any) -> Result:
    return summarise(trial(stack, **changes), rounds_of(*medians))


def sentences(result: Result) -> list[str]:
    return [sentence(warning) for warning in result.warnings]


def has_numbers(result: Result) -> Statistic:
    assert result.seconds is not None and result.rate is not None
    return result.seconds


# ------------------------------------------------------------------------------------------ Student's t


def test_student_t_agrees_with_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    for freedom in range(1, 201):
        for probability in (0.6, 0.9, 0.95, 0.975, 0.995, 0.9999):
            expected = stats.t.ppf(probability, freedom)
            assert student.quantile(probability, freedom) == pytest.approx(expected, rel=1e-11)
        for t in (-3.0, 0.0, 1e-3, 0.1, 0.7, 1.0, 2.0, 4.3, 12.7, 100.0, 1e4):
            expected = 2 * stats.t.sf(abs(t), freedom)
            assert student.tail(t, freedom) == pytest.approx(expected, rel=1e-11, abs=1e-290)


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.706204736), (2, 4.302652730), (9, 2.262157163), (199, 1.971956544)]
)
def test_student_quantile_is_the_one_of_the_tables(freedom: int, expected: float) -> None:
    assert student.quantile(0.975, freedom) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("t", [1e-12, 1e-9, 1e-3, 1.0, 1e3, 1e9])
def test_one_degree_of_freedom_is_cauchys_distribution(t: float) -> None:
    """In closed form, which scipy's own value misses by 6e-10 at t = 1e-9."""
    assert student.tail(t, 1) == pytest.approx(2 / math.pi * math.atan(1 / t), rel=1e-13)


def test_student_tail_ends_in_zero_and_one() -> None:
    assert student.tail(math.inf, 3) == student.tail(1e200, 3) == 0.0
    assert student.tail(0.0, 3) == 1.0
    assert student.quantile(0.5, 3) == 0.0


@pytest.mark.parametrize("probability", [0.4, 1.0, 1.5, math.nan])
def test_student_quantile_refuses_what_has_no_answer(probability: float) -> None:
    with pytest.raises(ValueError, match="probability"):
        student.quantile(probability, 3)


# ----------------------------------------------------------------------------------------------- values


def test_value_is_the_median_of_round_medians_not_of_pooled_samples() -> None:
    measured = [a_round(1, 1, 1, 1, 9, index=0), a_round(2, index=1), a_round(4, index=2)]
    assert has_numbers(summarise(trial(), measured)).median == 2


def test_best_is_the_fastest_single_run_of_all_rounds() -> None:
    assert has_numbers(summarise(trial(), [a_round(3, 2.5, index=0), a_round(2, 4, index=1)])).best == 2


def test_batched_runs_count_as_one_execution() -> None:
    result = summarise(trial(), [a_round(0.001, 0.003, 0.002, loops=100)])
    assert has_numbers(result).median == pytest.approx(0.002)
    assert has_numbers(result).best == pytest.approx(0.001)


def test_interval_is_students_t_on_the_logarithm_of_round_medians() -> None:
    logs = [0.0, 0.01, 0.05]
    seconds = has_numbers(row("a", [math.exp(value) for value in logs]))
    deviation = math.sqrt(sum((value - 0.02) ** 2 for value in logs) / 2)
    half = 4.302652730 * deviation / math.sqrt(3)
    assert seconds.low == pytest.approx(math.exp(0.02 - half))
    assert seconds.high == pytest.approx(math.exp(0.02 + half))


@pytest.mark.parametrize("count", [1, 2])
def test_below_three_rounds_there_is_no_interval(count: int) -> None:
    result = row("a", [1.0, 1.1][:count])
    assert has_numbers(result).low is None and has_numbers(result).high is None
    assert result.rate is not None and result.rate.low is None and result.rate.high is None


def test_gflops_come_from_the_matching_seconds_low_from_high() -> None:
    result = row("a", [2.0, 2.1, 1.9])
    seconds, gflops, work = has_numbers(result), result.rate, 2 * 8000**3 * 1e-9
    assert gflops is not None and seconds.low is not None and seconds.high is not None
    assert gflops.median == pytest.approx(work / seconds.median)
    assert gflops.best == pytest.approx(work / seconds.best)
    assert gflops.low == pytest.approx(work / seconds.high)
    assert gflops.high == pytest.approx(work / seconds.low)
    assert gflops.low is not None and gflops.high is not None
    assert gflops.low < gflops.median < gflops.high


def test_spread_is_the_interquartile_range_over_the_median_of_all_samples() -> None:
    result = summarise(trial(), [a_round(1, 2, 3, index=0), a_round(4, 5, index=1)])
    assert result.spread == pytest.approx(2 / 3)


def test_single_sample_has_no_spread() -> None:
    assert summarise(trial(), [a_round(1.0)]).spread is None


def test_rounds_without_any_deviation_give_an_interval_of_no_width() -> None:
    seconds = has_numbers(row("a", [2.0, 2.0, 2.0]))
    assert seconds.low == pytest.approx(2.0) and seconds.high == pytest.approx(2.0)


def test_every_number_is_finite_whatever_the_times() -> None:
    result = row("a", [1e-12, 1.0, 1e9])
    assert result.rate is not None
    for statistic in (has_numbers(result), result.rate):
        assert all(math.isfinite(value) for value in vars(statistic).values())
    comparison = compare(result, row("b", [1e9, 1.0, 1e-12]))
    assert all(math.isfinite(value) for value in vars(comparison).values() if isinstance(value, float))


# --------------------------------------------------------------------------------------------- failures


def test_failed_round_leaves_no_number_and_keeps_the_rounds() -> None:
    failure = Failure("failed", Reason.CRASHED, "killed by SIGSEGV", "logs/x")
    measured = [a_round(1.0, index=0), a_round(index=1, failure=failure)]
    result = summarise(trial(), measured)
    assert (result.status, result.failure, result.rounds) == ("failed", failure, tuple(measured))
    assert result.seconds is None and result.rate is None and result.spread is None
    assert not result.verified


def test_unavailable_round_makes_the_row_unavailable() -> None:
    failure = Failure("unavailable", Reason.TOO_SLOW, "one run would take 400 s")
    assert summarise(trial(), [a_round(failure=failure)]).status == "unavailable"


def test_wrong_product_in_one_round_is_never_a_number() -> None:
    result = summarise(trial(), [a_round(1.0, index=0), a_round(1.0, index=1, checks=(OK, WRONG))])
    assert result.status == "failed" and result.rate is None and not result.verified
    assert result.failure is not None and result.failure.reason == "wrong_result"


def test_result_is_verified_only_when_every_round_was_checked() -> None:
    assert summarise(trial(), [a_round(1.0, index=0), a_round(1.0, index=1)]).verified
    unchecked = summarise(trial(), [a_round(1.0, index=0), a_round(1.0, index=1, checks=())])
    assert unchecked.status == "ok" and not unchecked.verified
    assert sentences(unchecked) == ["the result was not checked; do not rely on this number"]


@pytest.mark.parametrize(
    ("device", "share", "told"),
    [("cpu:0", 1.01, True), ("cpu:0", 0.05, False), ("cpu:0", None, False), ("cuda:0", 9, False)],
)
def test_a_product_in_fresh_memory_is_told(device: str, share: float | None, told: bool) -> None:
    one = trial(device=device)
    facts = {} if share is None else {"fresh_bytes_per_run": int(share * one.size.memory_bytes / 3)}
    said = sentences(summarise(one, [a_round(1.0, facts=facts)]))
    assert (["fresh memory" in text for text in said] == [True]) is told


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_impossible_time_is_a_failure_not_a_number(seconds: float) -> None:
    result = summarise(trial(), [a_round(1.0, seconds)])
    assert result.failure is not None and result.failure.reason == "protocol" and result.seconds is None


def test_round_without_samples_and_no_round_at_all_are_failures() -> None:
    for measured in ([a_round()], []):
        result = summarise(trial(), measured)
        assert result.status == "failed" and result.failure is not None


# --------------------------------------------------------------------------------------------- warnings


@pytest.mark.parametrize(
    ("conditions", "says"),
    [
        ({"other_cpu_percent": 23.4}, "another program used 23 % of the CPU; close it and run again"),
        ({"steal_percent": 3.0}, "the host took 3 % of this virtual machine's CPU"),
        ({"throttled": True}, "the CPU slowed itself down"),
        ({"on_battery": True}, "plug in the charger"),
        ({"thread_variables": {"OMP_NUM_THREADS": "4"}}, "OMP_NUM_THREADS=4 set by you"),
        ({"thread_variables": ["MKL_NUM_THREADS"]}, "MKL_NUM_THREADS set by you"),
    ],
)
def test_disturbed_round_is_warned_of_once(conditions: dict[str, Any], says: str) -> None:
    measured = [a_round(1.0, index=index, conditions=conditions) for index in range(3)]
    warnings = sentences(summarise(trial(), measured))
    assert len(warnings) == 1 and says in warnings[0] and "\n" not in warnings[0] and ";" in warnings[0]


@pytest.mark.parametrize(
    "conditions",
    [
        {},
        {"other_cpu_percent": 10.0, "steal_percent": 1.0, "throttled": False, "on_battery": False},
        {"thread_variables": {}},
        {"other_cpu_percent": None, "throttled": None},
    ],
)
def test_quiet_machine_gives_no_warning(conditions: dict[str, Any]) -> None:
    assert summarise(trial(), [a_round(1.0, conditions=conditions)]).warnings == ()


def test_throttled_gpu_is_called_a_gpu() -> None:
    result = summarise(trial(device="cuda:0"), [a_round(1.0, conditions={"throttled": True})])
    assert sentences(result)[0].startswith("the GPU")


def test_wide_spread_is_warned_of_in_percent() -> None:
    assert sentences(summarise(trial(), [a_round(1.0, 1.0, 1.14, 1.14)])) == [
        "samples spread by 13 % of their median; close other programs and run again"
    ]
    assert summarise(trial(), [a_round(1.0, 1.0, 1.05, 1.05)]).warnings == ()


def test_warnings_of_rounds_are_kept_once_each_also_when_a_round_failed() -> None:
    failure = Failure("failed", Reason.CRASHED, "killed")
    a, b, c = (RowWarning(WarningKind.WORKER, text) for text in "abc")
    measured = [a_round(1.0, warnings=(a, b)), a_round(index=1, warnings=(b, c), failure=failure)]
    assert summarise(trial(), measured).warnings == (a, b, c)


@pytest.mark.parametrize("kind", [WarningKind.SPREAD, WarningKind.OTHER_PROGRAM, WarningKind.STEAL])
def test_a_warning_of_several_rows_is_told_without_the_number_of_one(kind: WarningKind) -> None:
    assert "23 % of" in sentence(RowWarning(kind, percent=23.4))
    shared = sentence(RowWarning(kind))
    assert "%" not in shared and "  " not in shared and "run again" in shared


@pytest.mark.parametrize("kind", WarningKind)
def test_every_kind_of_warning_has_a_sentence(kind: WarningKind) -> None:
    assert len(sentence(RowWarning(kind, "a text", 12.0))) > 5


# ------------------------------------------------------------------------------------------ comparisons


def test_comparison_is_paired_round_by_round() -> None:
    """The rounds differ by a factor of four, the stacks by 10 % in each: only pairs show that."""
    slow_then_fast = [4.0, 2.0, 1.0]
    a = row("a", slow_then_fast)
    b = row("b", [1.1 * value * noise for value, noise in zip(slow_then_fast, NOISE, strict=True)])
    comparison = compare(a, b)
    assert comparison.verdict == "faster" and comparison.p_value is not None and comparison.p_value < 0.001
    assert comparison.ratio == pytest.approx(1.1)
    assert compare(b, a).verdict == "slower"


def test_rounds_are_paired_by_index_not_by_position() -> None:
    a = summarise(trial("a"), [a_round(float(10 + i), index=i) for i in (0, 1, 2, 3)])
    b = summarise(trial("b"), [a_round(2.0 * (10 + i), index=i) for i in (1, 2, 3, 7)])
    comparison = compare(a, b)
    assert comparison.verdict == "faster" and comparison.ratio == pytest.approx(2.0)


def test_p_value_is_the_one_of_scipy() -> None:
    stats = pytest.importorskip("scipy.stats")
    ours, theirs = [1.0, 1.02, 0.99, 1.01], [1.05, 1.04, 1.06, 1.03]
    comparison = compare(row("a", ours), row("b", theirs))
    expected = stats.ttest_rel([math.log(x) for x in theirs], [math.log(x) for x in ours])
    assert comparison.p_value == pytest.approx(expected.pvalue)


def test_significant_difference_of_two_percent_is_the_same() -> None:
    a, b = row("a", [1.0, 1.0001, 0.9999]), row("b", [1.019, 1.0191, 1.0189])
    comparison = compare(a, b)
    assert comparison.p_value is not None and comparison.p_value < 0.001 and comparison.verdict == "same"


def test_large_but_uncertain_difference_is_the_same() -> None:
    assert compare(row("a", [1.0, 1.0, 1.0]), row("b", [1.0, 1.6, 1.1])).verdict == "same"


def test_below_three_common_rounds_there_is_no_verdict() -> None:
    comparison = compare(row("a", [1.0, 1.0]), row("b", [2.0, 2.0, 2.0]))
    assert (comparison.verdict, comparison.p_value) == (None, None)
    assert comparison.ratio == pytest.approx(2.0)


def test_failed_row_is_never_compared() -> None:
    crash = a_round(index=3, failure=Failure("failed", Reason.CRASHED, "killed"))
    failed = summarise(trial("b"), [*rounds_of(1, 1, 1), crash])
    comparison = compare(row("a", [1.0, 1.0, 1.0]), failed)
    assert comparison.verdict is None and comparison.ratio is None


def test_rows_without_any_deviation_are_compared_without_dividing_by_zero() -> None:
    same = compare(row("a", [1.0] * 3), row("b", [1.0] * 3))
    assert (same.verdict, same.p_value, same.ratio) == ("same", 1.0, 1.0)
    double = compare(row("a", [1.0] * 3), row("b", [2.0] * 3))
    assert (double.verdict, double.p_value) == ("faster", 0.0)


# --------------------------------------------------------------------------------------------- verdicts


def steady(stack: str, seconds: float, *, turn: int = 0, **changes: Any) -> Result:
    """Three rounds within 0.1 %; `turn` makes its noise differ from another row's."""
    return row(stack, [seconds * NOISE[(i + turn) % 3] for i in range(3)], **changes)


def test_fastest_is_named_with_its_lead_over_the_next() -> None:
    rows = [
        steady("numpy-openblas@conda", 1.31, turn=1),
        steady("numpy-mkl@conda", 1.0),
        steady("numpy-blis@conda", 2.0, turn=2),
    ]
    assert verdicts(rows) == (
        "float64 on cpu:0, n = 8000: fastest here is numpy-mkl@conda, 1.31 times numpy-openblas@conda",
    )


def test_tie_of_all_is_said_plainly() -> None:
    rows = [steady("a@conda", 1.0), steady("b@conda", 1.001, turn=1)]
    assert verdicts(rows) == (
        "float64 on cpu:0, n = 8000: no difference that this measurement can see between a@conda and b@conda",
    )


def test_tie_at_the_top_and_slower_rows_are_both_said() -> None:
    rows = [
        steady("c@conda", 2.0, turn=2),
        steady("a@conda", 1.0),
        steady("b@conda", 1.001, turn=1),
        steady("d@pypi", 3.0, turn=1),
    ]
    assert verdicts(rows) == (
        "float64 on cpu:0, n = 8000: no difference that this measurement can see between a@conda and b@conda"
        "; a@conda is 2.00 times c@conda and 3.00 times d@pypi",
    )


def test_fastest_must_beat_every_row_also_one_that_scatters() -> None:
    rows = [steady("a@conda", 1.0), steady("b@conda", 1.3, turn=1), row("c@conda", [1.0, 1.9, 1.4])]
    assert verdicts(rows) == (
        "float64 on cpu:0, n = 8000: no difference that this measurement can see between a@conda and c@conda"
        "; a@conda is 1.30 times b@conda",
    )


def test_python_of_the_user_is_named_with_its_framework() -> None:
    rows = [
        steady("existing:base", 1.0, framework="torch"),
        steady("existing:base", 2.0, framework="numpy", turn=1),
    ]
    (line,) = verdicts(rows)
    assert line.endswith("fastest here is existing:base (torch), 2.00 times existing:base (numpy)")


def test_groups_are_never_mixed() -> None:
    changes: list[dict[str, Any]] = [
        {"dtype": "float32"},
        {"device": "cuda:0"},
        {"m": 10, "n": 20, "k": 30},
        {"threads": 1},
        {"threads": 4},
    ]
    assert verdicts([steady("a", 1.0), *(steady("b", 2.0, **change) for change in changes)]) == ()
    starts = [
        verdicts([steady("a", 1.0, **change), steady("b", 2.0, turn=1, **change)])[0].split(":")[:2]
        for change in changes
    ]
    assert [":".join(start) for start in starts] == [
        "float32 on cpu:0, n = 8000",
        "float64 on cuda:0, n = 8000",
        "float64 on cpu:0, 10x20x30",
        "float64 on cpu:0, n = 8000, 1 thread",
        "float64 on cpu:0, n = 8000, 4 threads",
    ]


def test_benchmark_is_named_when_there_are_several() -> None:
    rows = [
        steady(name, seconds, turn=turn, benchmark=benchmark)
        for benchmark in ("matmul", "fft")
        for turn, (name, seconds) in enumerate([("a", 1.0), ("b", 2.0)])
    ]
    assert [line.split()[0] for line in verdicts(rows)] == ["matmul", "fft"]


def test_rows_without_a_trustworthy_number_get_no_verdict() -> None:
    good = steady("a", 1.0)
    failed = summarise(trial("b"), [a_round(failure=Failure("failed", Reason.CRASHED, "killed"))])
    unchecked = summarise(trial("c"), [a_round(2.0, index=index, checks=()) for index in range(3)])
    few = row("d", [2.0, 2.0])
    assert verdicts([]) == verdicts([good]) == verdicts([good, failed, unchecked, few]) == ()


def test_rows_without_common_rounds_get_no_verdict() -> None:
    other = summarise(trial("b"), [a_round(2.0, index=index) for index in (5, 6, 7)])
    assert verdicts([steady("a", 1.0), other]) == ()


# ------------------------------------------------------------------------------------------- simulation


def simulated(generator: random.Random, means: Sequence[float], *, rounds: int, sigma: float) -> list[Result]:
    return [
        row(f"s{position}", [mean * math.exp(generator.gauss(0, sigma)) for _ in range(rounds)])
        for position, mean in enumerate(means)
    ]


def is_false(line: str, means: Sequence[float]) -> bool:
    """Whether a line claims that a stack is faster than one that is as fast."""
    claim = re.search(r"(?:fastest here is|;) s(\d+)(?: is|,)", line)
    if claim is None:
        return False
    best = int(claim[1])
    beaten = [int(number) for number in re.findall(r"times s(\d+)", line)]
    if "fastest" in line:
        beaten = [position for position in range(len(means)) if position != best]
    return any(means[position] <= means[best] for position in beaten)


@pytest.mark.parametrize("rounds", [3, 5])
def test_interval_holds_the_truth_in_95_of_100_cases(rounds: int) -> None:
    generator = random.Random(1)
    held = 0
    for _ in range(1000):
        seconds = has_numbers(simulated(generator, [1.0], rounds=rounds, sigma=0.01)[0])
        assert seconds.low is not None and seconds.high is not None
        held += seconds.low <= 1.0 <= seconds.high
    assert 930 <= held <= 970


@pytest.mark.parametrize(
    ("means", "rounds", "sigma", "most"),
    [
        ((1.0, 1.0), 3, 0.01, 0.02),
        ((1.0,) * 4, 3, 0.01, 0.02),
        ((1.0,) * 8, 3, 0.01, 0.02),
        ((1.0,) * 8, 5, 0.01, 0.02),
        # 5 % between processes: the 2 % rule no longer helps and the tests stand alone
        ((1.0,) * 8, 5, 0.05, 0.07),
        ((1.0, 1.0, 1.5), 5, 0.05, 0.07),
    ],
)
def test_equal_stacks_are_seldom_told_apart(means: tuple[float, ...], rounds: int, sigma: float, most: float) -> None:
    """At most 5 % is promised, and 400 cases of exactly 5 % stay below 7 % for 97 of 100 seeds."""
    generator = random.Random(2)
    false = 0
    for _ in range(400):
        (line,) = verdicts(simulated(generator, means, rounds=rounds, sigma=sigma))
        false += is_false(line, means)
    assert false / 400 <= most


def test_true_leader_is_found_among_seven_in_three_rounds() -> None:
    generator = random.Random(3)
    means = (1.0, 1.1, 1.3, 1.3, 1.5, 1.6, 2.0)
    lines = [verdicts(simulated(generator, means, rounds=3, sigma=0.01))[0] for _ in range(100)]
    assert sum("fastest here is s0, 1." in line for line in lines) >= 90


def test_standard_finds_3_percent_with_probability_of_at_least_0_8_also_in_two_groups() -> None:
    """With 1 % between processes; 0.88 by 6000 cases, and 300 of them stay above 0.83 for 99 of 100 seeds."""
    generator = random.Random(4)
    claimed = 0
    for _ in range(150):
        rows = [
            replace(result, trial=replace(result.trial, dtype=dtype))
            for dtype in ("float64", "float32")
            for result in simulated(generator, (1.0, 1.03), rounds=PRESETS["standard"].rounds, sigma=0.01)
        ]
        claimed += sum("fastest here is s0" in line for line in verdicts(rows))
    assert claimed / 300 >= 0.8


def ten_groups(generator: random.Random) -> list[Result]:
    return [
        replace(result, trial=replace(result.trial, size=a_size(size)))
        for size in range(100, 110)
        for result in simulated(generator, (1.0, 1.0), rounds=5, sigma=0.05)
    ]


def test_ten_groups_of_equal_stacks_hold_a_false_verdict_in_no_more_than_5_of_100_reports() -> None:
    """40 without a correction across groups; 200 reports of exactly 5 % stay below 9 % for 99 of 100 seeds."""
    generator = random.Random(5)
    false = sum(any("fastest here" in line for line in verdicts(ten_groups(generator))) for _ in range(200))
    assert false / 200 <= 0.09


def test_only_what_a_verdict_calls_fastest_is_shown_as_fastest() -> None:
    generator = random.Random(6)
    for _ in range(50):
        rows = ten_groups(generator)
        claimed = [line for line in verdicts(rows) if "fastest here" in line]
        assert len(proven_fastest(rows)) == len(claimed)


def test_a_median_far_below_the_best_is_warned_of_although_the_quartiles_agree() -> None:
    slowed = [1.0] * 19 + [0.04]
    result = summarise(trial(), [a_round(*slowed, index=index) for index in range(3)])
    assert result.spread == 0
    assert [warning.kind for warning in result.warnings] == [WarningKind.OUTPACED]
    assert "25.0 times" in sentences(result)[0]


def test_reports_of_another_methodology_compare_with_a_warning_only() -> None:
    report = a_report()
    assert methodology_warning(report, report) is None
    warning = methodology_warning(replace(report, methodology=1), report)
    assert warning is not None and "methodology 1 and 2" in warning
