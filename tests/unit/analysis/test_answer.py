"""The sentences under the table: what is fastest, whether to believe it, what to do if not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import a_device, a_machine, a_report, a_round, a_trial, validated

from mambench.analysis.answer import answer, disturbed
from mambench.analysis.results import summarise
from mambench.analysis.words import sentence
from mambench.model import DeviceKind, Failure, Reason, Reference, Result, RowWarning, Throughput, WarningKind

ABSENT = Result(a_trial("torch-cuda"), "unavailable", failure=Failure("unavailable", Reason.NO_DEVICE, "no GPU"))


def row(stack: str = "a@pypi", seconds: float = 0.1, *, rounds: int = 3, wobble: float = 0.001) -> Result:
    """Rounds that differ a little, differently for each stack."""
    turns = [seconds * (1 + wobble * (turn * ord(stack[0]) % 3)) for turn in range(rounds)]
    return summarise(a_trial(stack), [a_round(turn, seconds=(each,) * 3) for turn, each in enumerate(turns)])


def noisy(result: Result, kind: WarningKind = WarningKind.OTHER_PROGRAM) -> Result:
    return replace(result, warnings=(RowWarning(kind, "it", percent=31.0),))


def said(*results: Result) -> list[str]:
    return answer(a_report(results=results))


def belief(*results: Result) -> str:
    """The last sentence before those about the peak and what was published."""
    return next(line for line in reversed(said(*results)) if "peak" not in line and "published" not in line)


def test_the_first_sentence_says_what_the_number_is() -> None:
    assert said(row())[0] == "GFLOPS are billions of floating-point operations a second: more is better."


def test_a_proven_winner_comes_before_whether_to_believe_it() -> None:
    lines = said(row("a@pypi", 0.1), row("bb@pypi", 0.2))
    assert lines[1].startswith("float64 on cpu:0, n = 512: fastest here is a@pypi, 2.00 times bb@pypi")
    assert lines[2] == (
        "You can believe it: every result was checked, nothing disturbed the measurement, "
        "and in 3 rounds each number was found to within 0.2 %."
    )


def test_one_round_is_a_first_look_and_no_verdict() -> None:
    lines = said(row("a@pypi", 0.1, rounds=1), row("bb@pypi", 0.2, rounds=1), ABSENT)
    assert lines[1] == "float64 on cpu:0, n = 512: this time a@pypi was faster, 2.00 times bb@pypi"
    assert lines[2].startswith("Good for a first look:") and "1 round cannot tell" in lines[2]
    assert "2 rounds cannot tell" in belief(row(rounds=2))


def test_what_was_measured_under_disturbance_is_not_to_be_relied_on() -> None:
    assert belief(row("a@pypi"), noisy(row("bb@pypi"))).startswith("Do not rely on bb@pypi (marked ~):")
    assert belief(noisy(row("a@pypi")), noisy(row("bb@pypi"))).startswith("Do not rely on any row (marked ~):")


def test_an_unchecked_product_is_the_first_reason_for_doubt() -> None:
    bare = replace(row("cc@pypi"), rounds=tuple(replace(each, checks=()) for each in row("cc@pypi").rounds))
    assert belief(noisy(row()), bare) == "Do not rely on cc@pypi: the result was not checked. Run again."


def test_wide_intervals_are_believed_for_large_differences_only() -> None:
    assert belief(row(wobble=0.04)).startswith("Believe only large differences: a number may be off by ")


ZEN = Throughput("Zen 5", {"float64": 32}, {"float64": "8 lanes x 2 FMA units x 2"}, "a source")
PUBLISHED = Reference(DeviceKind.CPU, "float64", ("a",), 5.0, "A. Author, 2021", "numpy")


def on_a_known_cpu(*results: Result, mhz: float | None) -> list[str]:
    conditions = {} if mhz is None else {"cpu_busiest_mhz": mhz}
    rows = [replace(row, rounds=tuple(replace(each, conditions=conditions) for each in row.rounds)) for row in results]
    machine = replace(a_machine(), cpu=replace(a_machine().cpu, throughput=ZEN), references=(PUBLISHED,))
    return answer(a_report(results=tuple(rows), machine=machine))


def test_the_share_of_the_peak_is_told_with_its_calculation_once_for_the_fastest_row() -> None:
    lines = [line for line in on_a_known_cpu(row("a@pypi"), row("bb@pypi", 0.2), mhz=20.0) if "peak" in line]
    assert lines == [
        "float64 on cpu:0: a@pypi reaches 105 % of the peak: "
        "4 cores x 8 lanes x 2 FMA units x 2 x 0.02 GHz (under load) = 3 GFLOPS (Zen 5)"
    ]


def test_an_unknown_clock_is_said_once_with_the_clock_that_the_number_needs() -> None:
    half = replace(row("bb@pypi"), trial=a_trial("bb@pypi", dtype="float32"))
    (line,) = (line for line in on_a_known_cpu(row("a@pypi"), half, mhz=None) if "eak" in line)
    assert (
        line.startswith("Percent of peak is unknown on cpu:0: 4 cores x 8 lanes") and "need 0.02 GHz at least" in line
    )


def test_a_row_stands_beside_what_was_published_for_its_stack_only() -> None:
    lines = on_a_known_cpu(row("a@pypi"), row("bb@pypi", 0.01), mhz=None)
    assert [line for line in lines if "published" in line] == [
        "a@pypi, float64: 54 % of the 5 GFLOPS published for this processor (A. Author, 2021; numpy)"
    ]


def on_gpu(index: int, *seconds: float, **changes: Any) -> Result:
    rounds = [a_round(turn, seconds=(each,) * 3) for turn, each in enumerate(seconds)]
    return summarise(a_trial("a@pypi", device=f"cuda:{index}", **changes), rounds)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        ((0.11, 0.1101, 0.1102), "a@pypi, float64, n = 512, cuda:0: 0.91 times its own speed with cuda:1 at work too"),
        ((0.1, 0.1001, 0.1), "a@pypi, float64, n = 512, cuda:0: no loss that this measurement can see"),
    ],
)
def test_what_a_gpu_loses_while_others_work_is_told(seconds: tuple[float, ...], says: str) -> None:
    together = on_gpu(0, *seconds, beside=(a_device("cuda:1"),))
    lines = said(on_gpu(0, 0.1, 0.1001, 0.1), together)
    assert [line for line in lines if "at work too" in line and line.startswith(says)], lines
    assert not any("slowest" in line or "faster" in line for line in lines)


def test_a_gpu_that_is_slower_than_its_siblings_is_named() -> None:
    slow, fast, other = on_gpu(0, 0.11, 0.1101, 0.1102), on_gpu(1, 0.1, 0.1001, 0.1), on_gpu(2, 0.1, 0.1, 0.1001)
    (line,) = (line for line in said(slow, fast, other) if "slowest" in line)
    assert line == "a@pypi, float64, n = 512: cuda:0 is the slowest of 3 GPUs, 0.91 times cuda:1"
    assert not any("slowest" in line for line in said(fast, other, row("a@pypi")))


def test_the_slowest_of_many_gpus_needs_more_proof_than_that_of_two() -> None:
    """With p = 0.049 for the two extremes."""
    slow, fast, other = on_gpu(0, 0.10305, 0.10513, 0.10725), on_gpu(1, 0.1, 0.1, 0.1), on_gpu(2, 0.101, 0.101, 0.101)
    assert any("slowest of 2" in line for line in said(slow, fast))
    assert not any("slowest" in line for line in said(slow, fast, other))


def test_energy_is_told_where_the_system_told_the_power() -> None:
    quiet = row("a@pypi")
    told = replace(quiet, rounds=tuple(replace(each, conditions=METERED) for each in quiet.rounds))
    (line,) = (line for line in said(told) if "watt" in line)
    assert line == "a@pypi, float64: 50 W (CPU packages, idle power included), 5 J for a run, 0.0536 GFLOPS per watt"
    energy = validated(a_report(results=(told,)))["results"][0]["energy"]
    assert (energy["watts"], energy["idle_power"]) == (50.0, "included")
    assert not any("watt" in line for line in said(quiet))


METERED = {"power_watts": 50.0, "power_of": "CPU packages"}


def test_the_other_program_is_named_where_it_is_known() -> None:
    rounds = [a_round(turn, seconds=(0.1,) * 3, conditions={"other_cpu_percent": 20.0 + turn, "other_program": name})
              for turn, name in enumerate(("cc1", "firefox"))]  # fmt: skip
    (warning,) = summarise(a_trial(), rounds).warnings
    assert sentence(warning) == ("another program, above all firefox, used 21 % of the CPU; close it and run again")


def test_without_a_number_nothing_is_claimed() -> None:
    assert said(ABSENT) == ["Nothing was measured; the reasons are below."]
    assert said() == []


def test_noise_is_what_another_run_would_not_repeat() -> None:
    assert all(disturbed(noisy(row(), kind)) for kind in (WarningKind.SPREAD, WarningKind.STEAL, WarningKind.BATTERY))
    assert not any(disturbed(noisy(row(), kind)) for kind in (WarningKind.UNPROVEN, WarningKind.THREAD_VARIABLES))
