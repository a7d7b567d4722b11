"""What the computer is doing while a round is measured: who else uses it, how fast and how hot it runs.

    conditions = Conditions()
    conditions.start()
    ...                      sample() now and then, while the worker runs: idle clocks tell nothing
    found = conditions.finish(worker_cpu_seconds=81.2)

Every value is best effort: what this computer does not tell is left out. Nothing here starts a process or raises.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import psutil

from mambench.machine import cgroup, counters, programs
from mambench.machine.counters import CpuTimes
from mambench.machine.energy import PackageMeter
from mambench.machine.nvml import Driver, ask, gpu_handles, open_driver
from mambench.machine.readings import best_effort, read_number, read_text
from mambench.model import CPU, Device, DeviceKind

MIN_CPU_SECONDS = 0.2
"""Processor times count in steps of 0.01 s: over less than this, percentages are noise."""


SAMPLED_CORES = 8
"""Clocks and throttle counts of so many cores are read, spread over the machine: each file costs time."""


CLOCK_BUDGET_SECONDS = 0.002
"""Some kernels take 10 ms to tell the clock of an idle core."""


GPU_SLOWED_DOWN = 0x08 | 0x20 | 0x40 | 0x80
"""NVML's reasons for lower clocks: HW slowdown, software and hardware thermal, power brake. Not the power
cap (0x04): a large product on a data-centre GPU runs at it all the time."""


MIN_PROGRAM_SHARE = 0.02
"""Of all processor time: a program that used less is not named."""


MIN_METERED_SECONDS = 1.0
"""Meters are read about once a second, and some count in steps of 0.1 s."""


GPU_POWER_LIMITED = 0x04
"""NVML's reason that tells the power cap."""


LEAST_CLOCKS = 8
"""Readings, a second apart: fewer tell nothing of how the clock went."""


MAX_THERMAL_SHARE = 0.01
"""Of a round, spent below the wanted clock because of heat."""


@dataclass
class _Seen:
    """What `start` noted and `sample` added."""

    at: float
    cpu: CpuTimes | None
    own_seconds: float
    throttle_count: float | None
    load: float | None
    gpu_thermal: float | None
    quota_periods: tuple[int, int] | None
    programs: Mapping[int, programs.Program]
    joules: list[tuple[float, float]] = field(default_factory=list)  # when it was read, what it said
    mhz: list[float] = field(default_factory=list)
    busiest_mhz: list[float] = field(default_factory=list)
    celsius: list[float] = field(default_factory=list)
    gpu_mhz: list[float] = field(default_factory=list)
    gpu_celsius: list[float] = field(default_factory=list)
    gpu_watts: list[float] = field(default_factory=list)
    gpu_slowed: bool | None = None
    gpu_limited: bool | None = None


class Conditions:
    """Watches one round; may be started again for the next. `sample` takes less than 3 ms; the others list programs.

    `device` is the trial's; `driver` spares the other rounds the opening of NVML.
    """

    def __init__(
        self,
        device: Device = CPU,
        *,
        root: Path = Path("/"),
        system: str | None = None,
        environ: Mapping[str, str] | None = None,
        driver: Driver | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._system = system or platform.system()
        self._clock = clock
        self._root = root
        self._cpus = root / "sys/devices/system/cpu"
        self._cores = counters.spread_over(counters.cores(), SAMPLED_CORES)
        self._sensor = counters.cpu_sensor(root) if self._system == "Linux" else None
        self._nvml: Any | None = None
        self._gpu: Any | None = None
        if device.kind == DeviceKind.CUDA:
            environ = os.environ if environ is None else environ
            self._nvml = (open_driver() if driver is None else driver).nvml
            self._gpu = self._handle(device.index, environ)
        self._meter = PackageMeter(root)
        self._seen: _Seen | None = None

    def start(self) -> None:
        """Note the counters; call it right before the worker starts."""
        self._seen = _Seen(
            at=self._clock(),
            cpu=counters.cpu_times(),
            own_seconds=counters.own_cpu_seconds(),
            throttle_count=self._throttle_count(),
            load=counters.load(),
            gpu_thermal=self._thermal_seconds(),
            quota_periods=cgroup.quota_periods(self._root, self._system),
            programs=programs.running(),
        )

    def sample(self) -> None:
        """Read clocks and temperatures while the worker is at work; a second apart is often enough."""
        if self._seen is not None:
            self._read_into(self._seen)

    def _read_into(self, seen: _Seen) -> None:
        if (joules := self._joules()) is not None:
            seen.joules.append((self._clock(), joules))
        clocks = self._clocks()
        _append(seen.mhz, _mean(clocks))
        if self._system == "Linux":  # elsewhere it is the clock on the box
            _append(seen.busiest_mhz, max(clocks, default=None))
        _append(seen.celsius, self._celsius())
        if self._gpu is None:
            return
        nvml = self._nvml
        _append(seen.gpu_mhz, self._ask_gpu("nvmlDeviceGetClockInfo", getattr(nvml, "NVML_CLOCK_SM", 1)))
        _append(seen.gpu_celsius, self._ask_gpu("nvmlDeviceGetTemperature", 0))
        _append(seen.gpu_watts, self._ask_gpu("nvmlDeviceGetPowerUsage"), scale=1e-3)
        reasons = self._ask_gpu("nvmlDeviceGetCurrentClocksThrottleReasons")
        if isinstance(reasons, int):
            seen.gpu_slowed = bool(seen.gpu_slowed) or bool(reasons & GPU_SLOWED_DOWN)
            seen.gpu_limited = bool(seen.gpu_limited) or bool(reasons & GPU_POWER_LIMITED)

    def finish(
        self, *, worker_cpu_seconds: float | None = None, runs: tuple[float, float] | None = None
    ) -> dict[str, Any]:
        """What was found out since `start`; what this computer does not tell is left out.

        `worker_cpu_seconds` is user and system time of the worker and its children. `other_cpu_percent` is
        what remains of all processor time after it and our own, in percent of the cores this process may use;
        it needs the worker's. `runs` tells, in seconds from the start, when runs were timed: the power is that
        between the first and the last look at the meter in there. Clocks are means, temperatures the highest.
        """
        seen, self._seen = self._seen, None
        if seen is None:
            return {}
        now = counters.cpu_times()
        busy, steal = _cpu_percents(seen, now, worker_cpu_seconds)
        watts = _watts(seen, runs)
        throttled = self._throttled(seen)
        if not (seen.mhz or seen.celsius or seen.gpu_mhz):
            self._read_into(seen)
        readings = {
            "other_cpu_percent": busy,
            "other_program": _other_program(seen, now),
            "steal_percent": steal,
            "quota_percent": _quota_percent(seen.quota_periods, cgroup.quota_periods(self._root, self._system)),
            "load_1min": seen.load,
            "cpu_mhz": _mean(seen.mhz),
            "cpu_busiest_mhz": median(seen.busiest_mhz) if seen.busiest_mhz else None,
            "temperature_celsius": max(seen.celsius, default=None),
            "governor": read_text(self._cpus / "cpu0/cpufreq/scaling_governor"),
            "power_plan": counters.power_plan(self._root),
            "on_battery": counters.on_battery(),
            "throttled": throttled,
            "clock_fall_percent": _fall_percent(seen.busiest_mhz if self._gpu is None else seen.gpu_mhz),
            "gpu_power_limited": seen.gpu_limited,
            "gpu_clock_mhz": _mean(seen.gpu_mhz),
            "gpu_temperature_celsius": max(seen.gpu_celsius, default=None),
            "gpu_power_watts": max(seen.gpu_watts, default=None),
            "power_watts": watts,
            "power_of": None if watts is None else "CPU packages" if self._gpu is None else "GPU",
        }
        return {key: _rounded(value) for key, value in readings.items() if _tellable(value)}

    # -------------------------------------------------------------------------------------- one reading

    def _handle(self, index: int, environ: Mapping[str, str]) -> Any | None:
        if self._nvml is None:
            return None
        handles = gpu_handles(self._nvml, environ)
        return handles[index] if index < len(handles) else None

    def _ask_gpu(self, question: str, *arguments: Any) -> Any:
        return None if self._gpu is None else ask(self._nvml, question, self._gpu, *arguments)

    def _joules(self) -> float | None:
        """Of the device that is measured, counted from any moment."""
        if self._gpu is None:
            return self._meter.joules()
        millijoules = self._ask_gpu("nvmlDeviceGetTotalEnergyConsumption")
        return millijoules * 1e-3 if isinstance(millijoules, int) else None

    def _thermal_seconds(self) -> float | None:
        """Time that this GPU has spent below its wanted clock because of heat."""
        policy = getattr(self._nvml, "NVML_PERF_POLICY_THERMAL", 1)
        nanoseconds = getattr(self._ask_gpu("nvmlDeviceGetViolationStatus", policy), "violationTime", None)
        return nanoseconds * 1e-9 if isinstance(nanoseconds, int) else None

    def _throttled(self, seen: _Seen) -> bool | None:
        """Whether the device that is measured slowed itself down; None where nothing tells."""
        if self._gpu is None:
            count = self._throttle_count()
            return None if count is None or seen.throttle_count is None else count > seen.throttle_count
        hot = self._thermal_seconds()
        if hot is None or seen.gpu_thermal is None:
            return seen.gpu_slowed
        share = (hot - seen.gpu_thermal) / max(self._clock() - seen.at, 1e-3)
        return bool(seen.gpu_slowed) or share > MAX_THERMAL_SHARE

    def _throttle_count(self) -> float | None:
        folders = [self._cpus / f"cpu{core}/thermal_throttle" for core in self._cores]
        names = ("core_throttle_count", "package_throttle_count")
        counts = [read_number(folder / name) for folder in folders for name in names]
        known = [count for count in counts if count is not None]
        return sum(known) if known else None

    def _clocks(self) -> list[float]:
        """Of some cores, in MHz."""
        if self._system != "Linux":
            told = best_effort(lambda: float(psutil.cpu_freq().current))
            return [told] if told else []
        readings: list[float] = []
        until = time.perf_counter() + CLOCK_BUDGET_SECONDS
        for core in self._cores:
            khz = read_number(self._cpus / f"cpu{core}/cpufreq/scaling_cur_freq")
            if khz is None:
                break
            readings.append(khz / 1000)
            if time.perf_counter() > until:
                break
        return readings

    def _celsius(self) -> float | None:
        value = None if self._sensor is None else read_number(self._sensor)
        return None if value is None else value / 1000


def _cpu_percents(
    seen: _Seen, after: CpuTimes | None, worker_cpu_seconds: float | None
) -> tuple[float | None, float | None]:
    """`other_cpu_percent` and `steal_percent`."""
    if seen.cpu is None or after is None:
        return None, None
    total = after.total - seen.cpu.total
    if total < MIN_CPU_SECONDS:
        return None, None
    steal = 100 * (after.steal - seen.cpu.steal) / total if after.steal else None
    if worker_cpu_seconds is None:
        return None, _percent(steal)
    ours = worker_cpu_seconds + counters.own_cpu_seconds() - seen.own_seconds
    return _percent(100 * (after.busy - seen.cpu.busy - ours) / total), _percent(steal)


def _other_program(seen: _Seen, after: CpuTimes | None) -> str | None:
    """The name of the program that used most of the processor beside us and the worker, which has ended."""
    if seen.cpu is None or after is None or (total := after.total - seen.cpu.total) < MIN_CPU_SECONDS:
        return None
    return programs.busiest(seen.programs, programs.running(), min_seconds=MIN_PROGRAM_SHARE * total)


def _watts(seen: _Seen, runs: tuple[float, float] | None) -> float | None:
    if runs is None:
        return None
    inside = [(at, joules) for at, joules in seen.joules if runs[0] <= at - seen.at <= runs[1]]
    if len(inside) < 2 or (seconds := inside[-1][0] - inside[0][0]) < MIN_METERED_SECONDS:
        return None
    return (inside[-1][1] - inside[0][1]) / seconds


def _quota_percent(before: tuple[int, int] | None, after: tuple[int, int] | None) -> float | None:
    """Of the quota's periods, those in which it stopped us."""
    if before is None or after is None or after[0] <= before[0]:
        return None
    return _percent(100 * (after[1] - before[1]) / (after[0] - before[0]))


def _fall_percent(clocks: list[float]) -> float | None:
    """How much lower the clock was in the second half of its readings than in the first quarter; below 0 if higher."""
    if len(clocks) < LEAST_CLOCKS:
        return None
    return 100 * (1 - median(clocks[len(clocks) // 2 :]) / median(clocks[: len(clocks) // 4]))


def _percent(value: float | None) -> float | None:
    """Counters go in steps and may even run backwards: a percentage stays one."""
    return None if value is None else min(max(value, 0.0), 100.0)


def _append(values: list[float], value: object, *, scale: float = 1.0) -> None:
    if isinstance(value, (int, float)) and math.isfinite(value):
        values.append(value * scale)


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return fmean(values) if values else None


def _tellable(value: object) -> bool:
    return value is not None and (not isinstance(value, float) or math.isfinite(value))


def _rounded(value: object) -> object:
    return round(value, 2) if isinstance(value, float) else value
