"""How much of what its device can do a row reached, with the arithmetic; what is unknown is said. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from mambench.analysis.words import counted
from mambench.model import Cpu, DeviceKind, Gpu, Machine, Reference, Result, Round


@dataclass(frozen=True)
class Peak:
    """What a device can do with one element type; `gflops` and `percent` are None where something is unknown."""

    words: str
    """The calculation, or what is unknown."""
    gflops: float | None = None
    percent: float | None = None
    source: str | None = None


def peak(result: Result, machine: Machine) -> Peak | None:
    """Of a row that has a number and counts floating-point operations; else None."""
    trial = result.trial
    if result.seconds is None or result.failure is not None or trial.size.gflop is None:
        return None
    reached = trial.size.gflop / result.seconds.median
    if trial.device.kind == DeviceKind.CPU:
        cores = cores_used(machine.cpu, result.rounds)
        told = _clock(result.rounds, "cpu_busiest_mhz") if cores * 2 >= machine.cpu.usable_cores else None
        share = cpu_peak(machine.cpu, trial.dtype, cores=cores, mhz=told, reached=reached)
    else:
        gpu = next((each for each in machine.gpus if each.device == trial.device), None)
        share = gpu_peak(gpu, trial.dtype) if gpu is not None else Peak("this GPU is unknown")
    if share.gflops is None:
        return share
    return Peak(share.words, share.gflops, 100 * reached / share.gflops, share.source)


def cores_used(cpu: Cpu, rounds: Iterable[Round]) -> int:
    """Real cores that worked: no more than threads, and no more than affinity and cgroup leave."""
    threads = (each.facts.get("threads") for each in rounds)
    return max(1, min([cpu.physical_cores, cpu.usable_cores, *(used for used in threads if isinstance(used, int))]))


def cpu_peak(
    cpu: Cpu, dtype: str, *, cores: int, mhz: float | None, clock: str = "under load", reached: float | None = None
) -> Peak:
    """Cores x lanes x units x 2 x clock; without a clock the operations a cycle, and the clock that `reached` needs."""
    core = cpu.throughput
    if core is None:
        return Peak("this processor is not in the table of microarchitectures")
    if core.unknown:
        return Peak(f"{core.name}: {core.unknown}")
    operations = core.per_cycle.get(dtype)
    if operations is None:
        return Peak(f"what {core.name} can do with {dtype} is not in the table of microarchitectures")
    each = f"{counted(cores, 'core')} x {core.arithmetic[dtype]}"
    if mhz is None:
        needed = f", so {reached:.1f} GFLOPS need {reached / cores / operations:.2f} GHz at least" if reached else ""
        words = f"{each} = {cores * operations} operations a cycle ({core.name}), at a clock that is not told here"
        return Peak(words + needed, source=core.source)
    gflops = cores * operations * mhz / 1000
    words = f"{each} x {mhz / 1000:.2f} GHz ({clock}) = {gflops:,.0f} GFLOPS ({core.name})"
    return Peak(words, gflops, source=core.source)


def gpu_peak(gpu: Gpu, dtype: str) -> Peak:
    """Multiprocessors x dense operations a cycle x the highest clock."""
    unit = gpu.throughput
    if unit is None or gpu.multiprocessors is None or gpu.max_mhz is None:
        return Peak(f"what {gpu.name} can do in a cycle, or its number of multiprocessors or clock, is not told here")
    operations = unit.per_cycle.get(dtype)
    if operations is None:
        return Peak(f"what {gpu.name} can do with {dtype} is not in the table")
    gflops = gpu.multiprocessors * operations * gpu.max_mhz / 1000
    words = (
        f"{gpu.multiprocessors} multiprocessors x {unit.arithmetic[dtype]} x {gpu.max_mhz / 1000:.2f} GHz (highest) "
        f"= {gflops:,.0f} GFLOPS, dense ({unit.name})"
    )
    return Peak(words, gflops, source=unit.source)


def _clock(rounds: Iterable[Round], key: str) -> float | None:
    told = (each.conditions.get(key) for each in rounds)
    clocks = [float(value) for value in told if isinstance(value, (int, float)) and value > 0]
    return median(clocks) if clocks else None


def reference(result: Result, machine: Machine) -> Reference | None:
    """What was published for this benchmark, kind of device, element type and stack."""
    trial = result.trial
    return next(
        (
            each
            for each in machine.references
            if (each.benchmark, each.kind, each.dtype) == (trial.benchmark, trial.device.kind, trial.dtype)
            and any(trial.stack.name.startswith(name) for name in each.stacks)
        ),
        None,
    )
