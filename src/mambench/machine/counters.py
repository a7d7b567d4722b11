"""What the system counts and senses: processor time, load, cores of this process, heat, the battery."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from mambench.machine.calls import registry
from mambench.machine.readings import best_effort, read_text

POWER_PLANS = {
    "381b4222-f694-41f0-9685-ff5bb260df2e": "balanced",
    "8c5e7fda-e8bf-4a96-9a85-a6e23a8c635c": "high performance",
    "a1841308-3541-4fab-bc81-f71556f20b4a": "power saver",
    "e9a42b02-d5df-448d-aa00-03f14749eb61": "ultimate performance",
}
"""Windows' own plans by their GUID, which is the same on every computer."""

CPU_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "x86_pkg_temp", "cpu-thermal")


@dataclass(frozen=True)
class CpuTimes:
    """Seconds since the start of the computer, summed over the cores that this process may use."""

    total: float
    busy: float
    steal: float


def cpu_times() -> CpuTimes | None:
    """Processor time of the cores that this process may use; None where the system does not count it."""
    every = best_effort(lambda: psutil.cpu_times(percpu=True))
    if not every:
        return None
    ours = cores()
    counted = [every[core] for core in ours if core < len(every)]
    used = counted if len(counted) == len(ours) else every

    def seconds(*names: str) -> float:
        return float(sum(getattr(times, name, 0.0) for times in used for name in names))

    busy, steal = seconds("user", "nice", "system", "irq", "softirq"), seconds("steal")
    return CpuTimes(total=busy + steal + seconds("idle", "iowait"), busy=busy, steal=steal)


def load() -> float | None:
    """Programs that ran or waited in the last minute; None on Windows, which does not count them."""
    if sys.platform == "win32":
        return None
    return best_effort(lambda: os.getloadavg()[0])


def own_cpu_seconds() -> float:
    times = os.times()
    return times.user + times.system


def cores() -> list[int]:
    """Numbers of the cores that this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    usable = best_effort(lambda: affinity(0)) if affinity else None
    return sorted(usable or range(os.cpu_count() or 1))


def spread_over(cores: Sequence[int], count: int) -> list[int]:
    step = max(1, math.ceil(len(cores) / count))
    return list(cores[::step])


def cpu_sensor(root: Path) -> Path | None:
    """The file with the processor's temperature in thousandths of a degree."""
    for pattern, label, value in (
        ("sys/class/hwmon/hwmon*", "name", "temp1_input"),
        ("sys/class/thermal/thermal_zone*", "type", "temp"),
    ):
        for folder in sorted(root.glob(pattern)):
            if read_text(folder / label) in CPU_SENSORS and (folder / value).exists():
                return folder / value
    return None


def on_battery() -> bool | None:
    plugged = getattr(best_effort(lambda: psutil.sensors_battery()), "power_plugged", None)
    return None if plugged is None else not plugged


def power_plan(root: Path) -> str | None:
    """The plan that a person chose between speed and saving: Windows' active one, Linux's platform profile."""
    chosen = registry(r"SYSTEM\CurrentControlSet\Control\Power\User\PowerSchemes", "ActivePowerScheme")
    if isinstance(chosen, str):
        return POWER_PLANS.get(chosen.lower().strip("{}"), chosen)
    return read_text(root / "sys/firmware/acpi/platform_profile")
