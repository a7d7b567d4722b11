"""How much of the peak a row reached."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import a_gpu, a_machine, a_report, a_round, a_trial, validated

from mambench.analysis.peak import peak
from mambench.analysis.results import summarise
from mambench.model import Machine, Result, Throughput

CORE = Throughput("Zen 5", {"float64": 32}, {"float64": "8 lanes x 2 FMA units x 2"}, "a source")
SM = Throughput("compute capability 9.0", {"float64": 256}, {"float64": "256 operations"}, "a source")


def row(device: str = "cpu:0", *, threads: Any = 8, **conditions: Any) -> Result:
    """2.684 GFLOPS, in two rounds."""
    rounds = [a_round(turn, seconds=(0.1,), conditions=conditions, facts={"threads": threads}) for turn in range(2)]
    return summarise(a_trial(device=device), rounds)


def machine(**changes: Any) -> Machine:
    plain = a_machine()
    return replace(plain, cpu=replace(plain.cpu, throughput=CORE, **changes))


def test_cores_lanes_units_and_clock_make_the_peak() -> None:
    share = peak(row(cpu_busiest_mhz=3000.0), machine())
    assert share is not None and share.gflops == 4 * 32 * 3.0
    assert share.percent == pytest.approx(100 * 2.68435456 / 384)
    assert share.words == "4 cores x 8 lanes x 2 FMA units x 2 x 3.00 GHz (under load) = 384 GFLOPS (Zen 5)"


@pytest.mark.parametrize(("usable", "threads", "cores"), [(8, 8, 4), (8, 6, 4), (2, 8, 2), (2, 2, 2), (1, 8, 1)])
def test_only_cores_that_could_work_count(usable: int, threads: int, cores: int) -> None:
    share = peak(row(threads=threads, cpu_busiest_mhz=1000.0), machine(usable_cores=usable))
    assert share is not None and share.gflops == cores * 32


def test_few_threads_on_many_cores_have_no_clock_that_is_told() -> None:
    """The clocks that are sampled may be those of idle cores."""
    share = peak(row(threads=1, cpu_busiest_mhz=3000.0), machine())
    assert share is not None and share.percent is None and "1 core x 8 lanes" in share.words


@pytest.mark.parametrize("told", [None, 0, -5.0, "fast"])
def test_without_a_clock_under_load_there_is_no_percentage(told: Any) -> None:
    share = peak(row(cpu_mhz=2500.0, cpu_busiest_mhz=told), machine())
    assert share is not None and share.percent is None and "a clock that is not told here" in share.words


def test_a_gpu_is_held_against_its_highest_clock() -> None:
    gpu = a_gpu(multiprocessors=132, max_mhz=1980.0, throughput=SM)
    share = peak(row("cuda:0"), a_machine("linux-64", gpu))
    assert share is not None and share.gflops == pytest.approx(66908.16)
    bare = peak(row("cuda:0"), a_machine("linux-64", a_gpu()))
    absent = peak(row("cuda:0"), a_machine())
    assert bare is not None and absent is not None and bare.gflops is None and absent.gflops is None


def test_the_report_tells_it_with_its_calculation() -> None:
    content = validated(a_report(results=(row(cpu_busiest_mhz=3000.0),), machine=machine()))
    assert content["results"][0]["peak"]["gflops"] == 384 and content["machine"]["cpu"]["throughput"]["name"] == "Zen 5"
    assert peak(summarise(a_trial(), []), machine()) is None
