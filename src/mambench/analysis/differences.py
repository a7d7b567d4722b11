"""What of a computer and of mambench is another than in a report, so that its numbers may be others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mambench import __version__
from mambench.model import CPU, METHODOLOGY, Device, Machine, Report, Trial


def differences(report: Report, machine: Machine, trials: Iterable[Trial]) -> Iterator[str]:
    """What of computer and mambench is another than in the report, in words."""
    before = report.machine
    pairs: list[tuple[str, object, object]] = [
        ("CPU", before.cpu.model, machine.cpu.model),
        ("cores", _cores(before), _cores(machine)),
    ]
    for device in dict.fromkeys(each for trial in trials for each in (trial.device, *trial.beside) if each != CPU):
        pairs.append((str(device), _gpu_words(before, device), _gpu_words(machine, device)))
    pairs += [
        ("operating system", before.os, machine.os),
        ("mambench", report.mambench, __version__),
        ("methodology", report.methodology, METHODOLOGY),
    ]
    yield from (f"{what}: {then} then, {now} here" for what, then, now in pairs if then != now)


def _cores(machine: Machine) -> str:
    return f"{machine.cpu.usable_cores} of {machine.cpu.logical_cores} usable, {machine.cpu.physical_cores} physical"


def _gpu_words(machine: Machine, device: Device) -> str:
    gpu = next((each for each in machine.gpus if each.device == device), None)
    return f"{gpu.name} with driver {gpu.driver or 'unknown'}" if gpu is not None else "none"
