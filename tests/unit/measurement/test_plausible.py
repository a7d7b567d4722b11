"""Clocks that disagree and rates that cannot be."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from builders import a_machine, a_round, a_trial

from mambench.measurement.plausible import implausible
from mambench.model import Clocks, Cpu, Sample

MACHINE = replace(a_machine(), cpu=Cpu("A processor", 2, 2, 2, ("avx", "avx2", "fma")), gpus=())
TRIAL = a_trial(m=1000, n=1000, k=1000)
"""2 GFLOP; the machine's ceiling is 218 GFLOPS."""


def told(seconds: float = 0.02, *, trial: Any = TRIAL, **clocks: float) -> str | None:
    samples = tuple(Sample(1.0 + index * seconds, seconds) for index in range(5))
    honest = {"run_seconds": 5 * seconds, "cpu_seconds": 10 * seconds, "worker_seconds": 3.0, "launcher_seconds": 3.1}
    return implausible(a_round(samples=samples, clocks=Clocks(**{**honest, **clocks})), trial, MACHINE)


@pytest.mark.parametrize("seconds", [0.0095, 0.02, 2.0])
def test_an_honest_round_is_plausible(seconds: float) -> None:
    assert told(seconds) is None


def test_a_rate_that_the_processor_cannot_reach() -> None:
    assert "more than this processor can do" in (told(0.009) or "")


def test_work_that_took_no_processor() -> None:
    assert "too little for their work" in (told(0.02, cpu_seconds=0.001) or "")


@pytest.mark.parametrize(
    ("clocks", "words"),
    [
        ({"run_seconds": 0.09}, "the kernel says that its runs took 0.1 s"),
        ({"run_seconds": 0.2, "cpu_seconds": 0.4}, "the kernel counts 0.1 of the 0.2 s"),
        ({"worker_seconds": 1.0}, "the worker's clock counted 1 of 3.1 s"),
    ],
)
def test_clocks_that_disagree(clocks: dict[str, float], words: str) -> None:
    assert words in (told(**clocks) or "")


def test_a_launcher_that_was_stopped_is_no_lie() -> None:
    assert told(worker_seconds=600.0) is None


def test_what_old_workers_do_not_tell_is_not_asked() -> None:
    samples = (Sample(1.0, 0.02),)
    assert implausible(a_round(samples=samples), TRIAL, MACHINE) is None


def test_a_gpu_whose_peak_is_unknown_has_no_ceiling() -> None:
    assert told(1e-9, trial=a_trial(device="cuda:0", m=1000, n=1000, k=1000), run_seconds=5e-9) is None
