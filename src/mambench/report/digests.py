"""A report file -> its digest."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any, TypeVar, cast

from mambench.analysis.digest import Digest, DigestRow, Surroundings
from mambench.analysis.warnings import is_disturbed
from mambench.errors import ReportError
from mambench.model import DTYPES, Device, DeviceKind, Statistic, Trial, WrongEntry
from mambench.report import content, reading
from mambench.system import values

Kept = TypeVar("Kept")


MAX_KEPT_ENVIRONMENTS = 256

Pairs = tuple[tuple[str, str], ...]
Told = tuple[Pairs, Pairs]
"""Packages, and other facts."""


class Reader:
    """Reads digests; what many reports have in common is kept once."""

    def __init__(self) -> None:
        self._kept: dict[Any, Any] = {}
        self._stacks: dict[bytes, Told] = {}

    def read(self, path: Path) -> Digest:
        """The digest of a report file. Raises ReportError, which names the file."""
        try:
            return self._digest(content.read(path))
        except (content.Broken, TypeError, ValueError, OverflowError, LookupError, RecursionError) as error:
            raise ReportError(
                f"broken: {path}: this is not a whole mambench report: {error}",
                remedy="name a report that `mambench run` wrote",
            ) from error

    def _digest(self, report: content.Report) -> Digest:
        machine, launcher = report.machine, report.launcher
        stacks = {name: self._stack(bytes(each)) for name, each in report.environments.items()}
        mambench, hostname = values.cleaned(report.mambench), values.cleaned(report.machine.hostname)
        facts = (("mambench", mambench), *_settings(report.settings), *_machine_facts(machine))

        @functools.cache
        def around(environment: str, own: Pairs) -> Surroundings:
            packages, told = stacks.get(environment, ((), ()))
            return self._once(Surroundings(packages, (*facts, *told, *own)))

        return Digest(
            run_id=values.cleaned(report.run_id),
            created=values.instant(report.created),
            finished=values.maybe(values.instant, report.finished),
            machine=hostname,
            node=hostname if launcher is None else values.cleaned(launcher.node),
            job=None if launcher is None else values.maybe(values.cleaned, launcher.job),
            mambench=mambench,
            methodology=report.methodology,
            complete=report.complete,
            rows=tuple(self._row(row, around) for row in report.results),
            processor=values.cleaned(machine.cpu.model),
        )

    def _stack(self, text: bytes) -> Told:
        """Packages and facts of an environment; the same text, which many reports have in common, is read once."""
        if text not in self._stacks:
            if len(self._stacks) >= MAX_KEPT_ENVIRONMENTS:
                self._stacks.clear()
            environment = content.environment(text)
            self._stacks[text] = self._once(_packages(environment)), _stack_facts(environment)
        return self._stacks[text]

    def _row(self, row: content.Row, around: Callable[[str, Pairs], Surroundings]) -> DigestRow:
        conditions = _conditions(row.rounds)
        if row.status == "ok" and row.seconds is None:
            raise ValueError(f"the row {values.cleaned(row.trial)} is ok and has no number")
        return DigestRow(
            trial=_trial(row),
            status=row.status,
            reason=None if row.failure is None else values.cleaned(row.failure.reason),
            message="" if row.failure is None else values.cleaned(row.failure.message),
            wrong_entry=_wrong_entry(row.rounds) if row.status == "failed" else None,
            device_name=self._once(values.cleaned(row.devices[0].name)),
            verified=row.verified and row.seconds is not None,
            rounds=len(row.rounds),
            seconds=values.maybe(_positive, row.seconds),
            surroundings=around(
                row.environment, (*_seen(row.rounds), *_states(*(conditions[name] for name in STATES)))
            ),
            readings=tuple(_readings(conditions)),
            other_cpu_percent=max(conditions["other_cpu_percent"], default=0.0),
            disturbed_rounds=sum(map(is_disturbed, *(conditions[name] for name in DISTURBANCES))),
        )

    def _once(self, value: Kept) -> Kept:
        return cast(Kept, self._kept.setdefault(value, value))


def _wrong_entry(rounds: Sequence[content.Round]) -> WrongEntry | None:
    """Of the first check that tells one."""
    told = (check.wrong_entry for each in rounds for check in content.checks(bytes(each.checks)) if not check.ok)
    return next(filter(None, told), None)


def _positive(numbers: Statistic) -> Statistic:
    if any(each is not None and each <= 0 for each in (numbers.median, numbers.best, numbers.low, numbers.high)):
        raise ValueError(f"seconds above 0 are expected, not {numbers}")
    return numbers


def _trial(row: content.Row) -> Trial:
    devices = tuple((each.kind, each.index) for each in row.devices)
    work = None if row.work is None else tuple(row.work.items())
    size = row.size, tuple(row.params.items()), work, row.memory_bytes
    names = row.benchmark, row.environment, row.framework, row.dtype
    return _known_trial(row.trial, names, devices, size, row.threads.requested)


@functools.lru_cache(maxsize=4096)
def _known_trial(
    key: str,
    names: tuple[str, ...],
    devices: tuple[tuple[str, int], ...],
    size: tuple[str, tuple[tuple[str, int], ...], tuple[tuple[str, float], ...] | None, int],
    threads: int | None,
) -> Trial:
    benchmark, stack, framework, dtype = map(values.cleaned, names)
    device, *beside = [Device(DeviceKind(kind), index) for kind, index in devices]
    name, params, work, memory_bytes = size
    told = {"size": name, "params": dict(params), "memory_bytes": memory_bytes, "trial": key}
    return Trial(
        benchmark=benchmark,
        stack=reading.stack_key(stack),
        framework=framework,
        device=device,
        beside=tuple(beside),
        dtype=values.known(dtype, tuple(DTYPES), "dtype"),
        size=reading.size(told if work is None else {**told, "work": dict(work)}),
        threads=threads,
    )


# -------------------------------------------------------------------------------------------- surroundings


def _packages(environment: content.Environment) -> tuple[tuple[str, str], ...]:
    told = (
        (each.name, f"{each.version} {each.build}" if each.build else each.version) for each in environment.packages
    )
    return tuple(sorted((values.cleaned(name), values.cleaned(version)) for name, version in told))


def _stack_facts(environment: content.Environment) -> tuple[tuple[str, str], ...]:
    set_variables = ", ".join(f"{name}={text}" for name, text in environment.variables.items())
    facts = ("python", environment.python), ("variables", set_variables), ("channels", ", ".join(environment.channels))
    return tuple((name, values.cleaned(words)) for name, words in facts if words)


def _machine_facts(machine: content.Machine) -> tuple[tuple[str, str], ...]:
    cpu = machine.cpu
    facts: list[tuple[str, object]] = [
        ("CPU", cpu.model),
        ("microcode", cpu.microcode),
        ("boost", None if cpu.boost is None else "on" if cpu.boost else "off"),
        ("NUMA nodes", cpu.numa_nodes),
        ("physical cores", cpu.physical_cores),
        ("logical cores", cpu.logical_cores),
        ("usable cores", cpu.usable_cores),
        ("memory", f"{machine.memory_bytes / 2**30:.0f} GiB"),
        ("system", machine.os),
        ("kernel", machine.kernel),
        ("firmware", machine.firmware),
    ]
    for gpu in machine.gpus:
        name = f"GPU {gpu.kind}:{gpu.index}"
        facts += [(name, gpu.name), (f"driver of {name}", gpu.driver), (f"CUDA of {name}", gpu.cuda_version)]
    return tuple((values.cleaned(name), values.cleaned(str(words))) for name, words in facts if words)


def _settings(settings: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """How it was measured, as far as it can move a number."""
    limits = settings.get("limits")
    if isinstance(limits, dict):
        names = ("warmups", "warmup_seconds", "max_seconds", "min_runs")
        yield "limits", values.cleaned(", ".join(f"{name} {limits.get(name)}" for name in names))


def _seen(rounds: Sequence[content.Round]) -> Pairs:
    """What the workers saw, in the first round that tells it."""
    return next(filter(None, (_round_facts(bytes(each.facts)) for each in rounds)), ())


@functools.lru_cache(maxsize=1024)
def _round_facts(text: bytes) -> Pairs:
    facts = content.facts(text)
    pools = facts.threadpools if isinstance(facts.threadpools, list) else []
    kernels = {str(each.get("architecture")) for each in pools if isinstance(each, dict)}
    told: tuple[tuple[str, Any], ...] = (
        ("BLAS", " ".join(str(words) for words in (facts.blas, facts.blas_version) if words)),
        ("BLAS kernels", ", ".join(sorted(kernels - {"None"}))),
        ("threads", facts.threads),
        ("framework", facts.framework_version),
    )
    return tuple((name, values.cleaned(str(words))) for name, words in told if words)


# ---------------------------------------------------------------------------------------------- conditions

STATES = {
    "governor": "governor",
    "power_plan": "power plan",
    "on_battery": "on battery",
    "throttled": "slowed down by heat or power",
}
"""Conditions of rounds, as they are called in a list of what changed."""

READINGS = {
    "cpu_mhz": "CPU clock",
    "temperature_celsius": "CPU temperature",
    "gpu_clock_mhz": "GPU clock",
    "gpu_temperature_celsius": "GPU temperature",
    "gpu_power_watts": "GPU power",
}
"""Those that are numbers, of which a digest has the medians."""

DISTURBANCES = "other_cpu_percent", "steal_percent", "quota_percent", "throttled"
"""As `is_disturbed` takes them."""


def _conditions(rounds: Sequence[content.Round]) -> Mapping[str, tuple[Any, ...]]:
    """Each condition in all rounds."""
    columns = zip(*(content.told(each.conditions) for each in rounds), strict=True)
    return dict(zip(content.CONDITIONS, columns, strict=True)) if rounds else NO_CONDITIONS


NO_CONDITIONS: Mapping[str, tuple[Any, ...]] = dict.fromkeys(content.CONDITIONS, ())


@functools.lru_cache(maxsize=1024)
def _states(*told: tuple[Any, ...]) -> Pairs:
    """Of the rounds of a row, in the order of STATES."""
    seen = (
        (title, {value for value in column if value is not None})
        for title, column in zip(STATES.values(), told, strict=True)
    )
    return tuple((title, values.cleaned(", ".join(sorted(map(str, each))))) for title, each in seen if each)


def _readings(conditions: Mapping[str, tuple[Any, ...]]) -> Iterator[tuple[str, float]]:
    for name, title in READINGS.items():
        if told := [value for value in conditions[name] if value is not None]:
            yield title, median(told)
