"""How long a plan will take here: from speeds seen in earlier reports, else from what the processor could do. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mambench.model import Limits, Machine, Plan, Trial

STARTING_SECONDS = {"numpy": 0.5, "torch": 3.0, "tensorflow": 5.0, "jax": 2.0, "cupy": 3.0, "mlx": 1.0}
"""An interpreter with its framework, until the operands are there (measured, the files in the disk cache)."""

SECONDS_PER_ELEMENT = 5e-8
"""Operands, verification and its second run, for each of n * n elements (measured at n = 2048 and 8000)."""

OPERATIONS_PER_CYCLE = (("avx512f", 32), ("avx2", 16), ("sve", 16), ("neon", 8), ("sse4.2", 4))
"""float64 operations of one core in one cycle: width of the registers times two units times multiply-add."""

ASSUMED_MHZ = 2500.0
EFFICIENCY = 0.6
GPU_GFLOPS = {"float64": 500.0, "float32": 10_000.0, "tf32": 30_000.0, "float16": 60_000.0, "bfloat16": 60_000.0}
"""A GPU of the middle range: only for a guess before anything was measured."""


@dataclass(frozen=True)
class Speeds:
    """What earlier reports saw: GFLOPS by (stack, device, dtype), seconds to start by framework."""

    gflops: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    starting_seconds: Mapping[str, float] = field(default_factory=dict)


def learn(reports: Iterable[Mapping[str, Any]]) -> Speeds:
    """The speeds in reports, the latest first; what is not as it should be is passed over."""
    speeds: dict[tuple[str, str, str], float] = {}
    starting: dict[str, list[float]] = {}
    for report in reports:
        for row in report.get("results", ()):
            try:
                _learn_row(row, speeds, starting)
            except (KeyError, TypeError, ValueError, IndexError, AttributeError):
                continue
    return Speeds(speeds, {name: statistics.median(seconds) for name, seconds in starting.items()})


def _learn_row(row: Mapping[str, Any], speeds: dict[tuple[str, str, str], float], starting: Any) -> None:
    if row["status"] != "ok":
        return
    stack, _, _ = row["environment"].partition("@")
    speeds.setdefault((stack, row["devices"][0]["kind"], row["dtype"]), float(row["gflops"]["median"]))
    ready = row["rounds"][0]["facts"]["ready_seconds"]
    starting.setdefault(row["framework"], []).append(float(ready))


def plan_seconds(plan: Plan, machine: Machine, speeds: Speeds) -> float:
    """Measuring alone, without downloads; rows that are known to have no number take no time."""
    trials = [trial for stack in plan.stacks if stack.failure is None for trial in stack.trials]
    return plan.rounds * sum(trial_seconds(trial, plan.limits, machine, speeds) for trial in trials)


def trial_seconds(trial: Trial, limits: Limits, machine: Machine, speeds: Speeds) -> float:
    """One round of a trial."""
    start = speeds.starting_seconds.get(trial.framework, STARTING_SECONDS.get(trial.framework, 3.0))
    one = trial.work * 1e-9 / assumed_gflops(trial, machine, speeds)
    if limits.max_run_seconds is not None and one > limits.max_run_seconds:
        return start
    runs = max(limits.min_runs * one, min(limits.max_seconds, limits.max_runs * one))
    spent = max(limits.warmups * one, limits.warmup_seconds) + runs
    if limits.budget_seconds is not None:
        spent = min(spent, limits.budget_seconds)
    return start + spent + SECONDS_PER_ELEMENT * trial.m * trial.n


def assumed_gflops(trial: Trial, machine: Machine, speeds: Speeds) -> float:
    """This stack's own speed, else the fastest that another reached, else what the hardware might do."""
    kind = trial.device.partition(":")[0]
    stack = trial.environment.partition("@")[0]
    if seen := speeds.gflops.get((stack, kind, trial.dtype)):
        return seen
    others = [speed for (_, device, dtype), speed in speeds.gflops.items() if (device, dtype) == (kind, trial.dtype)]
    return max(others, default=0.0) or _hardware_gflops(kind, trial.dtype, machine)


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
