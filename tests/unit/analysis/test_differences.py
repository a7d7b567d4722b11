"""What of a computer and of mambench is another than in a report."""

from __future__ import annotations

from dataclasses import replace

from builders import a_gpu, a_machine, a_report, a_trial

from mambench import __version__
from mambench.analysis.differences import differences


def test_the_same_computer_and_mambench_have_none() -> None:
    report = a_report(mambench=__version__, machine=a_machine("linux-64", a_gpu()))
    assert list(differences(report, a_machine("linux-64", a_gpu()), [a_trial(device="cuda:0")])) == []


def test_each_is_told_as_it_was_and_as_it_is() -> None:
    machine = a_machine("linux-64", replace(a_gpu(), name="Another GPU"))
    other = replace(machine, os="Another system", cpu=replace(machine.cpu, model="Another CPU", usable_cores=2))
    report = a_report(mambench="0.0.9", methodology=1, machine=a_machine("linux-64", a_gpu()))
    assert list(differences(report, other, [a_trial(device="cuda:0")])) == [
        "CPU: A processor then, Another CPU here",
        "cores: 8 of 8 usable, 4 physical then, 2 of 8 usable, 4 physical here",
        "cuda:0: A cuda GPU with driver 570.10 then, Another GPU with driver 570.10 here",
        "operating system: A system then, Another system here",
        f"mambench: 0.0.9 then, {__version__} here",
        "methodology: 1 then, 2 here",
    ]


def test_a_gpu_that_nothing_ran_on_is_no_matter() -> None:
    report = a_report(mambench=__version__, machine=a_machine("linux-64", a_gpu()))
    assert list(differences(report, a_machine(), [a_trial()])) == []
    assert list(differences(report, a_machine(), [a_trial(device="cuda:0")])) == [
        "cuda:0: A cuda GPU with driver 570.10 then, none here"
    ]
