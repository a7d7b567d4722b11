"""What disturbs a round: fake processor times, a fake /sys, a fake NVML."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from builders import a_device

from mambench.machine import counters, programs
from mambench.machine.energy import PackageMeter
from mambench.machine.nvml import Driver
from mambench.machine.programs import Program, busiest
from mambench.measurement import conditions
from mambench.measurement.conditions import Conditions


class FakePsutil:
    """Answers `cpu_times` with one reading after the other; each is a list of cores."""

    Error = OSError

    def __init__(self, *readings: list[dict[str, float]], plugged: bool | None = None) -> None:
        self._readings: Iterator[list[dict[str, float]]] = iter(readings)
        self._plugged = plugged

    def cpu_times(self, percpu: bool) -> list[Any]:
        assert percpu
        return [SimpleNamespace(**core) for core in next(self._readings, [])]

    def sensors_battery(self) -> Any:
        return None if self._plugged is None else SimpleNamespace(power_plugged=self._plugged)

    def cpu_freq(self) -> Any:
        return SimpleNamespace(current=2400.0)


class FakeNvmlError(Exception):
    def __init__(self, value: int) -> None:
        super().__init__(f"error {value}")
        self.value = value


class FakeNvml:
    """One GPU whose clock, heat and reasons are what the test sets."""

    NVMLError = FakeNvmlError
    NVML_CLOCK_SM = 1
    NVML_PERF_POLICY_THERMAL = 1

    def __init__(self) -> None:
        self.clock, self.celsius, self.milliwatts = 1980, 61, 650_000
        self.reasons, self.thermal_ns = 0, 0

    def nvmlDeviceGetCount(self) -> int:
        return 1

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:
        return f"gpu{index}"

    def nvmlDeviceGetUUID(self, _handle: str) -> str:
        return "GPU-1"

    def nvmlDeviceGetClockInfo(self, _handle: str, _clock: int) -> int:
        return self.clock

    def nvmlDeviceGetTemperature(self, _handle: str, _sensor: int) -> int:
        return self.celsius

    def nvmlDeviceGetPowerUsage(self, _handle: str) -> int:
        return self.milliwatts

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, _handle: str) -> int:
        return self.reasons

    def nvmlDeviceGetViolationStatus(self, _handle: str, _policy: int) -> Any:
        return SimpleNamespace(violationTime=self.thermal_ns)


def core(**seconds: float) -> dict[str, float]:
    return {"user": 0.0, "system": 0.0, "nice": 0.0, "idle": 0.0, **seconds}


def use_psutil(monkeypatch: pytest.MonkeyPatch, fake: Any) -> None:
    for module in (conditions, counters, programs):
        monkeypatch.setattr(module, "psutil", fake)


@pytest.fixture(autouse=True)
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "cores", lambda: [0, 1])
    monkeypatch.setattr(counters, "own_cpu_seconds", lambda: 0.0)
    use_psutil(monkeypatch, FakePsutil())
    monkeypatch.setattr(conditions, "CLOCK_BUDGET_SECONDS", 60.0)  # a busy machine reads one core in its time


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


def watched(root: Path, worker: float | None = None, **changes: Any) -> dict[str, Any]:
    watch = Conditions(**{"root": root, "system": "Linux", "environ": {}, **changes})
    watch.start()
    return watch.finish(worker_cpu_seconds=worker)


# ---------------------------------------------------------------------------------------- processor times


def test_other_programs_are_what_the_worker_and_we_did_not_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two cores for 10 s: 12 s of 20 busy, of which the worker used 9 and we 1: 2 s are 10 %."""
    before = [core(user=5.0, idle=100.0), core(user=5.0, idle=100.0)]
    after = [core(user=12.0, system=1.0, idle=102.0), core(user=8.0, softirq=1.0, idle=106.0)]
    use_psutil(monkeypatch, FakePsutil(before, after))
    own = iter([3.0, 4.0])
    monkeypatch.setattr(counters, "own_cpu_seconds", lambda: next(own))
    assert watched(tmp_path, 9.0)["other_cpu_percent"] == pytest.approx(10.0)


def test_only_cores_that_we_may_use_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counters, "cores", lambda: [1])
    before = [core(), core(), core()]
    after = [core(user=10.0), core(user=4.0, idle=6.0), core(user=10.0)]
    use_psutil(monkeypatch, FakePsutil(before, after))
    assert watched(tmp_path, 4.0)["other_cpu_percent"] == 0.0


def test_without_the_workers_time_nobody_else_is_accused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readings = [core(), core()], [core(user=10.0), core(user=10.0)]
    use_psutil(monkeypatch, FakePsutil(*readings))
    assert "other_cpu_percent" not in watched(tmp_path, None)


@pytest.mark.parametrize(("worker", "expected"), [(30.0, 0.0), (-500.0, 100.0)])
def test_percentages_stay_percentages(
    worker: float, expected: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = [core(), core()], [core(user=10.0), core(idle=10.0)]
    use_psutil(monkeypatch, FakePsutil(*readings))
    assert watched(tmp_path, worker)["other_cpu_percent"] == expected


def test_stolen_time_is_a_percentage_of_all_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = [core(steal=7.0), core(steal=0.0)]
    after = [core(steal=8.0, user=9.0), core(user=5.0, idle=5.0)]
    use_psutil(monkeypatch, FakePsutil(before, after))
    assert watched(tmp_path)["steal_percent"] == pytest.approx(5.0)


@pytest.mark.parametrize("later", [[core(), core()], [core(user=0.01), core()], []])
def test_no_percentages_from_counters_that_hardly_move(
    later: list[dict[str, float]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_psutil(monkeypatch, FakePsutil([core(), core()], later))
    found = watched(tmp_path, 0.0)
    assert "other_cpu_percent" not in found and "steal_percent" not in found


def process(pid: int, name: str, seconds: float, *, ppid: int = 1, started: float = 0.0) -> Any:
    times = SimpleNamespace(user=seconds, system=0.0)
    return SimpleNamespace(info={"pid": pid, "ppid": ppid, "name": name, "create_time": started, "cpu_times": times})


class PsutilWithPrograms(FakePsutil):
    """Ten seconds of two cores, and one list of programs after the other."""

    def __init__(self, *lists: list[Any]) -> None:
        super().__init__([core(), core()], [core(user=10.0), core(user=4.0, idle=6.0)])
        self._lists = iter(lists)

    def process_iter(self, _attributes: list[str]) -> list[Any]:
        return next(self._lists)


def test_the_program_that_used_most_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several processes of one name the sum counts; we, our children and what was before do not."""
    ours = os.getpid()
    before = [process(1, "init", 900.0), process(ours, "mambench", 5.0), process(8, "make", 1.0)]
    after = [process(1, "init", 900.1), process(ours, "mambench", 99.0), process(7, "guard", 50.0, ppid=ours),
             process(8, "make", 2.0), process(9, "cc1", 1.5), process(10, "cc1", 2.5)]  # fmt: skip
    use_psutil(monkeypatch, PsutilWithPrograms(before, after))
    assert watched(tmp_path, 9.0)["other_program"] == "cc1"


def test_a_program_that_used_little_is_not_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_psutil(monkeypatch, PsutilWithPrograms([], [process(8, "editor", 0.1)]))
    assert "other_program" not in watched(tmp_path, 9.0)


def test_a_process_id_that_was_given_again_is_another_program() -> None:
    before, after = {8: Program("old", 1.0, 90.0)}, {8: Program("new", 2.0, 3.0)}
    assert busiest(before, after, min_seconds=1.0) == "new"
    assert busiest({}, {}, min_seconds=0.1) is None


# --------------------------------------------------------------------------------------------------- energy

RAPL = "sys/class/powercap/intel-rapl"


def meter(root: Path, *microjoules: int) -> Path:
    packages = {f"{RAPL}:{number}/energy_uj": f"{value}\n" for number, value in enumerate(microjoules)}
    return tree(
        root, {**packages, f"{RAPL}:0/max_energy_range_uj": "1000\n", f"{RAPL}:0:0/energy_uj": f"{sum(microjoules)}\n"}
    )


def test_packages_add_up_and_a_counter_that_goes_round_goes_on(tmp_path: Path) -> None:
    packages = PackageMeter(meter(tmp_path, 900, 100))
    assert packages.joules() == 0.0
    meter(tmp_path, 100, 300)
    assert packages.joules() == pytest.approx(400e-6)
    (tmp_path / f"{RAPL}:1/energy_uj").unlink()
    assert packages.joules() is None


def test_the_power_is_that_of_the_timed_runs(tmp_path: Path) -> None:
    now = [0.0]
    watch = Conditions(root=meter(tmp_path, 0), system="Linux", clock=lambda: now[0])
    watch.start()
    for at, joules in ((1.0, 500), (2.0, 510), (4.0, 590), (5.0, 990)):
        now[0] = at
        meter(tmp_path, joules * 1_000_000)
        watch.sample()
    told = watch.finish(runs=(1.5, 4.5))
    assert (told["power_watts"], told["power_of"]) == (40.0, "CPU packages")


def test_a_gpu_counts_its_own_energy(tmp_path: Path) -> None:
    class Metered(FakeNvml):
        millijoules = 0

        def nvmlDeviceGetTotalEnergyConsumption(self, _handle: str) -> int:
            return self.millijoules

    nvml, now = Metered(), [0.0]
    watch = Conditions(a_device("cuda:0"), root=tmp_path, environ={}, driver=Driver(nvml=nvml), clock=lambda: now[0])
    watch.start()
    for at in (1.0, 2.0, 3.0):
        now[0], nvml.millijoules = at, int(700_000 * at)
        watch.sample()
    told = watch.finish(runs=(0.5, 3.5))
    assert (told["power_watts"], told["power_of"]) == (700.0, "GPU")


@pytest.mark.parametrize("runs", [None, (1.5, 2.5), (0.0, 0.5)])
def test_without_two_looks_at_the_meter_there_is_no_power(runs: tuple[float, float] | None, tmp_path: Path) -> None:
    now = [0.0]
    watch = Conditions(root=meter(tmp_path, 0), system="Linux", clock=lambda: now[0])
    watch.start()
    for at in (1.0, 2.0, 3.0):
        now[0] = at
        watch.sample()
    assert "power_watts" not in watch.finish(runs=runs)


def test_a_meter_that_may_not_be_read_is_no_error(tmp_path: Path) -> None:
    assert PackageMeter(tmp_path).joules() is None and "power_watts" not in watched(tmp_path)


# --------------------------------------------------------------------------------------------------- /sys

SYS = {
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave\n",
    "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "2000000\n",
    "sys/devices/system/cpu/cpu1/cpufreq/scaling_cur_freq": "3000000\n",
    "sys/devices/system/cpu/cpu0/thermal_throttle/core_throttle_count": "4\n",
    "sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count": "2\n",
    "sys/class/hwmon/hwmon0/name": "nvme\n",
    "sys/class/hwmon/hwmon0/temp1_input": "99000\n",
    "sys/class/hwmon/hwmon1/name": "k10temp\n",
    "sys/class/hwmon/hwmon1/temp1_input": "61250\n",
}


def test_clock_heat_and_governor_are_read_from_sys(tmp_path: Path) -> None:
    found = watched(tree(tmp_path, SYS))
    assert (found["cpu_mhz"], found["temperature_celsius"]) == (2500.0, 61.25)
    assert (found["governor"], found["throttled"]) == ("powersave", False)


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ("381b4222-f694-41f0-9685-ff5bb260df2e", "balanced"),
        ("{8C5E7FDA-E8BF-4A96-9A85-A6E23A8C635C}", "high performance"),
        ("11111111-2222-3333-4444-555555555555", "11111111-2222-3333-4444-555555555555"),
        (None, "low-power"),
    ],
)
def test_the_power_plan_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: str | None, told: str) -> None:
    monkeypatch.setattr(counters, "registry", lambda _key, _name: chosen)
    assert watched(tree(tmp_path, {"sys/firmware/acpi/platform_profile": "low-power\n"}))["power_plan"] == told


def test_the_clock_of_the_busiest_core_is_told_where_it_is_measured(tmp_path: Path) -> None:
    assert watched(tree(tmp_path, SYS))["cpu_busiest_mhz"] == 3000.0
    assert "cpu_busiest_mhz" not in watched(tmp_path, system="Windows")


QUOTA_FILES = {
    "v2": ("0::/a\n", "sys/fs/cgroup/a/cpu.max", "100000 100000\n", "sys/fs/cgroup/a/cpu.stat"),
    "v1": ("3:cpu:/a\n", "sys/fs/cgroup/cpu/a/cpu.cfs_quota_us", "100000\n", "sys/fs/cgroup/cpu/a/cpu.stat"),
}


@pytest.mark.parametrize("version", QUOTA_FILES)
def test_a_quota_that_stops_the_runs_is_told_by_its_periods(tmp_path: Path, version: str) -> None:
    group, limit, quota, stat = QUOTA_FILES[version]
    files = {"proc/self/cgroup": group, limit: quota, stat: "nr_periods 100\nnr_throttled 10\n"}
    files["sys/fs/cgroup/cpu/a/cpu.cfs_period_us"] = "100000\n"
    watch = Conditions(root=tree(tmp_path, files), system="Linux", environ={})
    watch.start()
    tree(tmp_path, {stat: "usage_usec 5\nnr_periods 300\nnr_throttled 60\n"})
    assert watch.finish()["quota_percent"] == 25.0


def test_without_a_quota_its_periods_say_nothing(tmp_path: Path) -> None:
    files = {"proc/self/cgroup": "0::/a\n", "sys/fs/cgroup/a/cpu.stat": "nr_periods 100\nnr_throttled 10\n"}
    assert "quota_percent" not in watched(tree(tmp_path, files))


def test_how_much_the_clock_fell_is_told_of_enough_readings(tmp_path: Path) -> None:
    tree(tmp_path, SYS)
    watch = Conditions(root=tmp_path, system="Linux", environ={})
    for readings, told in ((12, 10.0), (4, None)):
        watch.start()
        for index in range(readings):
            khz = "3000000\n" if index < 3 else "2700000\n"
            tree(tmp_path, {f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq": khz for core in (0, 1)})
            watch.sample()
        assert watch.finish().get("clock_fall_percent") == told


def test_thermal_zone_serves_where_there_is_no_hwmon(tmp_path: Path) -> None:
    zone = "sys/class/thermal/thermal_zone3"
    found = watched(tree(tmp_path, {f"{zone}/type": "x86_pkg_temp\n", f"{zone}/temp": "48000\n"}))
    assert found["temperature_celsius"] == 48.0


def test_risen_throttle_count_is_throttling(tmp_path: Path) -> None:
    watch = Conditions(root=tree(tmp_path, SYS), system="Linux")
    watch.start()
    tree(tmp_path, {"sys/devices/system/cpu/cpu1/thermal_throttle/package_throttle_count": "3\n"})
    assert watch.finish()["throttled"] is True


def test_samples_taken_at_work_beat_the_reading_afterwards(tmp_path: Path) -> None:
    watch = Conditions(root=tree(tmp_path, SYS), system="Linux")
    watch.start()
    watch.sample()
    tree(
        tmp_path,
        {
            "sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq": "800000\n",
            "sys/class/hwmon/hwmon1/temp1_input": "40000\n",
        },
    )
    found = watch.finish()
    assert (found["cpu_mhz"], found["temperature_celsius"]) == (2500.0, 61.25)


def test_few_cores_of_many_are_read() -> None:
    assert len(counters.spread_over(range(256), 8)) == 8
    assert counters.spread_over([3, 5], 8) == [3, 5]


@pytest.mark.parametrize(("plugged", "expected"), [(True, False), (False, True), (None, None)])
def test_battery_is_said_where_there_is_one(
    plugged: bool | None, expected: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_psutil(monkeypatch, FakePsutil(plugged=plugged))
    assert watched(tmp_path).get("on_battery") is expected


def test_elsewhere_the_clock_comes_from_psutil(tmp_path: Path) -> None:
    assert watched(tmp_path, system="Windows")["cpu_mhz"] == 2400.0


# --------------------------------------------------------------------------------------------------- GPUs


def on_gpu(nvml: FakeNvml, root: Path) -> Conditions:
    times = iter([0.0, 10.0])
    return Conditions(a_device("cuda:0"), root=root, environ={}, driver=Driver(nvml=nvml), clock=lambda: next(times))


def test_gpu_tells_clock_heat_and_power_under_load(tmp_path: Path) -> None:
    nvml = FakeNvml()
    watch = on_gpu(nvml, tmp_path)
    watch.start()
    watch.sample()
    nvml.clock, nvml.celsius, nvml.milliwatts = 1880, 70, 700_000
    watch.sample()
    found = watch.finish()
    assert (found["gpu_clock_mhz"], found["gpu_temperature_celsius"]) == (1930.0, 70)
    assert (found["gpu_power_watts"], found["throttled"]) == (700.0, False)


@pytest.mark.parametrize(
    ("reasons", "expected"),
    [(0x00, False), (0x01, False), (0x04, False), (0x08, True), (0x20, True), (0x40, True), (0x84, True)],
)
def test_heat_and_faults_throttle_and_the_power_cap_does_not(reasons: int, expected: bool, tmp_path: Path) -> None:
    nvml = FakeNvml()
    watch = on_gpu(nvml, tmp_path)
    watch.start()
    nvml.reasons = reasons
    watch.sample()
    nvml.reasons = 0
    found = watch.finish()
    assert found["throttled"] is expected
    assert found["gpu_power_limited"] is bool(reasons & 0x04)


@pytest.mark.parametrize(("seconds", "expected"), [(0.05, False), (0.5, True)])
def test_time_lost_to_heat_between_samples_throttles(seconds: float, expected: bool, tmp_path: Path) -> None:
    nvml = FakeNvml()
    watch = on_gpu(nvml, tmp_path)
    watch.start()
    nvml.thermal_ns = int(seconds * 1e9)
    assert watch.finish()["throttled"] is expected


def test_gpu_is_not_asked_in_a_round_on_the_cpu(tmp_path: Path) -> None:
    assert not any(key.startswith("gpu") for key in watched(tmp_path, driver=Driver(nvml=FakeNvml())))


def test_gpu_without_answers_is_left_out(tmp_path: Path) -> None:
    class Silent(FakeNvml):
        def __getattribute__(self, name: str) -> Any:
            if name.startswith("nvmlDeviceGet"):
                raise FakeNvmlError(3)
            return super().__getattribute__(name)

    found = watched(tmp_path, device=a_device("cuda:0"), driver=Driver(nvml=Silent()))
    assert "throttled" not in found and not any(key.startswith("gpu") for key in found)


# --------------------------------------------------------------------------------------------- robustness


def test_everything_that_raises_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        Error = OSError

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    use_psutil(monkeypatch, Blind())
    for system in ("Linux", "Darwin", "Windows"):
        assert set(watched(tmp_path, 1.0, system=system)) <= {"load_1min"}


def test_found_conditions_are_finite_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(tmp_path, {**SYS, "sys/class/hwmon/hwmon1/temp1_input": "nan\n"})
    readings = [core(), core()], [core(user=math.inf), core(idle=10.0)]
    use_psutil(monkeypatch, FakePsutil(*readings, plugged=True))
    found = watched(root, 1.0)
    json.dumps(found, allow_nan=False)
    assert "temperature_celsius" not in found and "other_cpu_percent" not in found


def test_finish_without_start_finds_nothing(tmp_path: Path) -> None:
    watch = Conditions(root=tmp_path)
    watch.sample()
    assert watch.finish(worker_cpu_seconds=1.0) == {}


def test_watch_may_be_used_again(tmp_path: Path) -> None:
    watch = Conditions(root=tree(tmp_path, SYS), system="Linux")
    for _ in range(2):
        watch.start()
        assert watch.finish()["cpu_mhz"] == 2500.0


def test_this_computer_can_be_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    watch = Conditions()
    watch.start()
    watch.sample()
    json.dumps(watch.finish(worker_cpu_seconds=0.0), allow_nan=False)
