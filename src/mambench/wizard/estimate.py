"""How long a plan will take here: from speeds seen in earlier reports, else from what the processor could do. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mambench.catalogue import feasibility, sizes
from mambench.model import Limits, Machine, Plan, Trial
from mambench.report import reading

STARTING_SECONDS = {"numpy": 0.5, "torch": 3.0, "tensorflow": 5.0, "jax": 2.0, "cupy": 3.0, "mlx": 1.0}
"""An interpreter with its framework, until the operands are there (measured, the files in the disk cache)."""

SECONDS_PER_BYTE = 2e-9
"""Operands, verification and its second run, for each byte of operands and result (measured at n = 2048 and 8000)."""

OPERATIONS_PER_CYCLE = (("avx512f", 32), ("avx2", 16), ("sve", 16), ("neon", 8), ("sse4.2", 4))
"""float64 operations of one core in one cycle: width of the registers times two units times multiply-add."""

ASSUMED_MHZ = 2500.0
EFFICIENCY = 0.6
GPU_GFLOPS = {"float64": 500.0, "float32": 1e4, "tf32": 3e4, "float16": 6e4, "bfloat16": 6e4, "float8": 12e4}
"""A GPU of the middle range: only for a guess before anything was measured."""

TELLING_GFLOP = 2.0
"""Less work shows overheads: more of it may be far faster."""

BYTES_PER_SECOND = {"cpu": 2e10, "cuda": 5e11, "metal": 1e11}
"""Of memory, for what counts no floating-point operations: a guess before anything was measured."""

SPREAD = 0.02
"""IQR over median of the samples, before anything was measured."""

SHORTEST_SAMPLE_SECONDS, LEAST_SAMPLES, NOTCH = 1e-3, 5, 1.57
PROBE_RUNS, PROBE_DOUBT, PROBE_SETTLED_SECONDS = 3, 4, 1.0
"""As the worker has them (resources/worker: timing.py, probe.py, worker.py); the estimate follows its rule."""


@dataclass(frozen=True)
class Speeds:
    """What earlier reports saw: rates by (benchmark, stack, device, dtype) and work, seconds to start, spread."""

    rates: Mapping[tuple[str, str, str, str], Mapping[float, float]] = field(default_factory=dict)
    starting_seconds: Mapping[str, float] = field(default_factory=dict)
    spread: float = SPREAD


def learn(reports: Iterable[Mapping[str, Any]]) -> Speeds:
    """The speeds in reports, the latest first; what is not as it should be is passed over."""
    speeds: dict[tuple[str, str, str, str], dict[float, float]] = {}
    starting: dict[str, list[float]] = {}
    spreads: list[float] = []
    for report in reports:
        for row in report.get("results", ()):
            try:
                _learn_row(row, speeds, starting)
                spreads += [float(row["spread"])] if row.get("spread") else []
            except (KeyError, TypeError, ValueError, IndexError, AttributeError):
                continue
    return Speeds(
        speeds,
        {name: statistics.median(seconds) for name, seconds in starting.items()},
        statistics.median(spreads) if spreads else SPREAD,
    )


def _learn_row(row: Mapping[str, Any], speeds: Any, starting: Any) -> None:
    if row["status"] != "ok":
        return
    stack, _, _ = row["environment"].partition("@")
    work = reading.size(row).work[0][1]
    ready, speed = float(row["rounds"][0]["facts"]["ready_seconds"]), work / float(row["seconds"]["median"])
    key = (row["benchmark"], stack, row["devices"][0]["kind"], row["dtype"])
    speeds.setdefault(key, {}).setdefault(work, speed)
    starting.setdefault(row["framework"], []).append(ready)


def plan_seconds(plan: Plan, machine: Machine, speeds: Speeds) -> float:
    """Measuring alone, without downloads; rows that are known to have no number take no time."""
    return sum(
        trial_seconds(trial, plan, machine, speeds)
        for stack in plan.stacks
        if stack.failure is None
        for trial in stack.trials
        if feasibility.static_failure(trial, stack.spec, machine) is None
    )


def trial_seconds(trial: Trial, plan: Plan, machine: Machine, speeds: Speeds) -> float:
    """All rounds of a trial; one whose single run takes too long ends after the probe of the first."""
    limits = plan.limits_of(trial)
    start = speeds.starting_seconds.get(trial.framework, STARTING_SECONDS.get(trial.framework, 3.0))
    run = trial.work / assumed_rate(trial, machine, speeds)
    smaller = sizes.smaller_sizes(plan.benchmarks[trial.benchmark], trial)
    probing = _probing_seconds(run, [work / trial.work for _, work in smaller], limits)
    if limits.max_run_seconds is not None and run > limits.max_run_seconds:
        return start + probing
    sample = max(run, SHORTEST_SAMPLE_SECONDS)
    spent = max(limits.warmups * sample, limits.warmup_seconds) + _samples(sample, limits, speeds.spread) * sample
    if limits.budget_seconds is not None:
        spent = min(spent, max(limits.budget_seconds, 2 * run))
    return probing + plan.rounds * (start + spent + run + SECONDS_PER_BYTE * trial.size.memory_bytes)


def _samples(sample_seconds: float, limits: Limits, spread: float) -> int:
    """How many the worker takes: until the median is known well enough, between the limits on runs and seconds."""
    enough = limits.max_runs
    if limits.target_spread is not None:
        enough = max(LEAST_SAMPLES, math.ceil((NOTCH * spread / limits.target_spread) ** 2))
    return max(limits.min_runs, min(limits.max_runs, enough, math.ceil(limits.max_seconds / sample_seconds)))


def _probing_seconds(run: float, shares: Sequence[float], limits: Limits) -> float:
    """Smaller sizes, the larger ones only where the smallest leaves a doubt."""
    if not limits.probe:
        return 0.0
    clear = limits.max_run_seconds is None or run * PROBE_DOUBT <= limits.max_run_seconds
    smaller = [run * share for share in shares[: 1 if clear else None]]
    return sum(seconds if seconds >= PROBE_SETTLED_SECONDS else PROBE_RUNS * seconds for seconds in smaller)


def assumed_rate(trial: Trial, machine: Machine, speeds: Speeds) -> float:
    """This stack's own rate at the nearest size, else the fastest that another reached, else the hardware's."""
    kind, stack = trial.device.kind, trial.stack.name
    guess = trial.work / _guessed_seconds(trial, machine)
    mine = speeds.rates.get((trial.benchmark, stack, kind, trial.dtype))
    wanted = (trial.benchmark, kind, trial.dtype)
    others = [seen for (name, _, device, dtype), seen in speeds.rates.items() if (name, device, dtype) == wanted]
    return max((_speed_at(trial, seen, guess) for seen in ([mine] if mine else others)), default=guess)


def _guessed_seconds(trial: Trial, machine: Machine) -> float:
    """Of one run: by its floating-point operations, else by the bytes of operands and result."""
    kind = trial.device.kind
    moving = trial.size.memory_bytes / BYTES_PER_SECOND[kind]
    arithmetic = (trial.size.gflop or 0.0) / _hardware_gflops(kind, trial.dtype, machine)
    return max(moving if trial.size.gflop is None else 0.0, arithmetic, 1e-6)


def _speed_at(trial: Trial, seen: Mapping[float, float], guess: float) -> float:
    """The rate at the nearest work seen; one that only little work showed is no more than a lower bound."""
    nearest = min(seen, key=lambda known: abs(math.log(known / trial.work)))
    telling = trial.work if trial.size.gflop is None else trial.work * min(1.0, TELLING_GFLOP / trial.size.gflop)
    return seen[nearest] if nearest >= telling * (1 - 1e-9) else max(seen[nearest], guess)


def _hardware_gflops(kind: str, dtype: str, machine: Machine) -> float:
    if kind != "cpu":
        return GPU_GFLOPS.get(dtype, 10_000.0)
    cpu = machine.cpu
    per_cycle = next((operations for name, operations in OPERATIONS_PER_CYCLE if name in cpu.simd), 4)
    cores = max(1, min(cpu.physical_cores, cpu.usable_cores))
    double = cores * (cpu.max_mhz or ASSUMED_MHZ) * 1e-3 * per_cycle * EFFICIENCY
    return double if dtype == "float64" else 2 * double if dtype == "float32" else double / 4


def duration(seconds: float) -> str:
    """`about 40 s`, `about 12 min`, `about 3 h`: no more digits than are known."""
    if seconds < 95:
        return f"about {max(5, 5 * round(seconds / 5))} s"
    minutes = seconds / 60
    if minutes < 95:
        return f"about {round(minutes) if minutes < 20 else 5 * round(minutes / 5)} min"
    return f"about {round(minutes / 60)} h"
