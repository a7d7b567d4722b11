"""Pure: whether the clocks of a round agree, and whether the machine can do what the round says."""

from __future__ import annotations

from collections.abc import Iterator

from mambench.analysis import ceiling
from mambench.analysis.peak import gpu_peak
from mambench.measurement.labels import refused
from mambench.model import Clocks, DeviceKind, Gpu, Machine, Reason, Result, Round, Trial

SUM_TOLERANCE = 0.01
"""A kernel's own seconds may exceed the worker's by so much: two clocks are read."""

LEAST_SHARE_ON_CPU = 0.9
"""On a CPU there is nothing to wait for that a kernel could leave out of its own seconds."""

CLOCK_SECONDS = 1e-3

CPU_TICK_SECONDS = {"win": 0.05}
"""Windows counts a process's time in steps of 15.6 ms; others by the clock's own."""

DELAY_SECONDS, DELAY_SHARE = 0.5, 0.05
"""So much later than the worker's clock says may its last word come, on a busy machine."""


def checked(result: Result, machine: Machine) -> Result:
    """The result without its number if a round is not plausible."""
    if result.status != "ok":
        return result
    return refused(result, Reason.IMPLAUSIBLE, lambda each: implausible(each, result.trial, machine))


def implausible(measured: Round, trial: Trial, machine: Machine) -> str | None:
    """The first thing that cannot be; None when all is in order."""
    return next(_problems(measured, trial, machine), None)


def _problems(measured: Round, trial: Trial, machine: Machine) -> Iterator[str]:
    if not measured.samples:
        return
    limit, gflop = most_gflops(trial, machine), trial.size.gflop
    rate = (gflop or 0.0) / min(sample.run_seconds for sample in measured.samples)
    if limit is not None and rate > limit:
        yield f"{rate:.4g} GFLOPS are more than this {_device(trial)} can do ({limit:.4g} at the very most)"
    if measured.clocks is not None:
        yield from _disagreements(measured, trial, measured.clocks)
        if trial.device.kind == DeviceKind.CPU:
            yield from _too_little_time(measured, trial, machine, measured.clocks)


def _disagreements(measured: Round, trial: Trial, clocks: Clocks) -> Iterator[str]:
    told = sum(sample.seconds for sample in measured.samples)
    if told > clocks.run_seconds * (1 + SUM_TOLERANCE) + CLOCK_SECONDS:
        yield f"the kernel says that its runs took {told:.4g} s, and the worker's clock {clocks.run_seconds:.4g} s"
    if trial.device.kind == DeviceKind.CPU and told < clocks.run_seconds * LEAST_SHARE_ON_CPU - CLOCK_SECONDS:
        yield f"the kernel counts {told:.4g} of the {clocks.run_seconds:.4g} s that its runs took"
    later = clocks.launcher_seconds - clocks.worker_seconds
    if later > DELAY_SECONDS + DELAY_SHARE * clocks.launcher_seconds:
        yield f"the worker's clock counted {clocks.worker_seconds:.4g} of {clocks.launcher_seconds:.4g} s"


def _too_little_time(measured: Round, trial: Trial, machine: Machine, clocks: Clocks) -> Iterator[str]:
    """Work needs time on a processor, however long the run is said to have taken."""
    each = ceiling.core_gflops(machine.cpu, trial.dtype, machine.platform)
    work = (trial.size.gflop or 0.0) * sum(sample.loops for sample in measured.samples)
    tick = CPU_TICK_SECONDS.get(machine.platform.partition("-")[0], CLOCK_SECONDS)
    if each is not None and work > each * (clocks.cpu_seconds + tick):
        yield (
            f"its runs used {clocks.cpu_seconds:.3g} s of the processor, which is too little for their work: "
            "it is done elsewhere, or not at all"
        )


def most_gflops(trial: Trial, machine: Machine) -> float | None:
    """What the trial's device cannot exceed, where that is known."""
    if trial.device.kind == DeviceKind.CPU:
        return ceiling.cpu_gflops(machine.cpu, trial.dtype, machine.platform)
    gpu: Gpu | None = next((each for each in machine.gpus if each.device == trial.device), None)
    peak = gpu_peak(gpu, trial.dtype).gflops if gpu is not None else None
    return None if peak is None else peak * ceiling.MARGIN


def _device(trial: Trial) -> str:
    return "processor" if trial.device.kind == DeviceKind.CPU else "GPU"
