"""Pure: specs x choices x machine -> Plan."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from mambench.catalogue.feasibility import impossible, no_device, sources_on
from mambench.catalogue.fields import nearest
from mambench.catalogue.presets import PRESETS
from mambench.catalogue.sizes import asked, size_of
from mambench.errors import ManifestError, UsageError
from mambench.model import (
    CPU,
    DTYPES,
    BenchmarkSpec,
    Catalogue,
    Choices,
    Device,
    DeviceKind,
    EnvironmentSpec,
    Failure,
    Limits,
    Machine,
    Plan,
    Preset,
    Reason,
    Stack,
    StackKey,
    Trial,
)

SOURCES = ("auto", "conda", "pypi")


MOST_ROUNDS_UNTIL_SURE = 20
"""The last look of `analysis.sequential`."""


MANY_RUNS = 1_000_000
"""More than a sustained measurement has: seconds end it."""


def build(choices: Choices, catalogue: Catalogue, machine: Machine, existing: Sequence[EnvironmentSpec] = ()) -> Plan:
    """The plan for these choices. Raises UsageError for what does not exist, with the nearest names."""
    preset = PRESETS[_known("preset", choices.preset, PRESETS)]
    _known("source", choices.source, SOURCES)
    for dtype in choices.dtypes:
        _known("dtype", dtype, DTYPES)
    benchmarks = _chosen_benchmarks(choices, catalogue)
    devices = _chosen_devices(choices.devices, machine)
    if choices.at_once and sum(device.kind == DeviceKind.CUDA for device in devices) < 2:
        raise UsageError("--at-once needs two GPUs", remedy="`mambench info` lists those that were found")
    limits, timeout_seconds = _limits(preset, choices)
    steady = preset.sustained_seconds if choices.sustained_seconds is None else None
    stacks = [_stack(spec, choices, machine, benchmarks, devices) for spec in _chosen(choices, catalogue, existing)]
    return Plan(
        choices=choices,
        preset=preset,
        rounds=_rounds(choices, preset),
        limits=limits,
        timeout_seconds=timeout_seconds,
        stacks=tuple(stacks),
        benchmarks=benchmarks,
        limits_of_largest=limits if steady is None else _lasting(limits, steady),
    )


def _rounds(choices: Choices, preset: Preset) -> int:
    if choices.until_sure and choices.rounds:
        raise UsageError("--until-sure finds the number of rounds itself", remedy="leave out --rounds")
    return MOST_ROUNDS_UNTIL_SURE if choices.until_sure else choices.rounds or preset.rounds


def _limits(preset: Preset, choices: Choices) -> tuple[Limits, float]:
    """The limits of a worker and its seconds in all, so that too slow is foreseen rather than timed out.

    Longer runs that were asked for have as much more time in all, unless that was named too.
    """
    limits = preset.limits
    assert limits.max_run_seconds is not None and limits.budget_seconds is not None
    longest = choices.max_run_seconds or limits.max_run_seconds
    seconds = choices.timeout_seconds or preset.timeout_seconds * max(1.0, longest / limits.max_run_seconds)
    if choices.max_run_seconds is not None and seconds < 2 * longest:
        raise UsageError(
            f"--max-run-seconds {longest:g} does not fit into --timeout {seconds:g}",
            remedy=f"name a --timeout of at least {2 * longest:g}, or none",
        )
    fitting = replace(
        limits,
        warmup_seconds=limits.warmup_seconds if choices.warmup_seconds is None else choices.warmup_seconds,
        max_run_seconds=min(longest, seconds / 2),
        budget_seconds=min(limits.budget_seconds, seconds * 0.8),
        second_look=not (choices.sizes or choices.shapes),
    )
    if choices.sustained_seconds is None:
        return fitting, seconds
    return _lasting(fitting, choices.sustained_seconds), seconds + choices.sustained_seconds


def _lasting(limits: Limits, seconds: float) -> Limits:
    assert limits.budget_seconds is not None
    lasting = replace(limits, max_seconds=seconds, max_runs=MANY_RUNS, target_spread=None)
    return replace(lasting, budget_seconds=seconds + limits.budget_seconds)


def _chosen(choices: Choices, catalogue: Catalogue, existing: Sequence[EnvironmentSpec]) -> list[EnvironmentSpec]:
    names = list(dict.fromkeys(choices.environments))
    for name in names:
        known_stack(name, catalogue)
    pythons = [(spec.name, spec.kernel) for spec in existing]
    if twice := next((name for name, kernel in pythons if pythons.count((name, kernel)) > 1), None):
        raise UsageError(f"two pythons are called {twice}", remedy="give each a name: --python NAME=PATH")
    chosen = [catalogue.environments[name] for name in names]
    if choices.everything:
        benchmarks = [catalogue.benchmarks[name] for name in choices.benchmarks]
        able = {framework for benchmark in benchmarks for framework in benchmark.kernels}
        others = (spec for name, spec in catalogue.environments.items() if name not in names)
        chosen += [spec for spec in others if spec.kernel in able]
    return [*chosen, *existing]


def _chosen_benchmarks(choices: Choices, catalogue: Catalogue) -> dict[str, BenchmarkSpec]:
    chosen = {name: known_benchmark(name, catalogue) for name in choices.benchmarks}
    taken = {name for benchmark in chosen.values() for name in benchmark.parameters}
    for name in choices.parameters:
        if name not in taken:
            problem = f"{' and '.join(chosen)} {'has' if len(chosen) == 1 else 'have'} no parameter {name!r}"
            raise UsageError(f"{problem}; {nearest(name, taken)}")
    for dtype in choices.dtypes:
        able = [each for benchmark in chosen.values() for each in benchmark.dtypes]
        if dtype not in able:
            raise UsageError(f"{' and '.join(chosen)} cannot run in {dtype}; {nearest(dtype, able)}")
    return chosen


def _stack(
    spec: EnvironmentSpec,
    choices: Choices,
    machine: Machine,
    benchmarks: Mapping[str, BenchmarkSpec],
    devices: Sequence[Device],
) -> Stack:
    fitting = [benchmark for benchmark in benchmarks.values() if spec.kernel in benchmark.kernels]
    able = {kind for benchmark in fitting for kind in benchmark.kernels[spec.kernel].devices}
    kinds = tuple(kind for kind in spec.devices if kind in able)
    usable = [device for device in devices if device.kind in kinds]
    available = sources_on(spec, machine.platform)
    sources = available
    if choices.source != "auto" and spec.python is None:
        sources = tuple(source for source in available if source == choices.source)
    failure = _no_kernel(spec, benchmarks) or impossible(spec, machine)
    failure = failure or (None if usable else no_device(kinds, choices.devices))
    if failure is None and not sources:
        remedy = f"leave out --source {choices.source}" + (f", or take {spec.instead} instead" if spec.instead else "")
        message = f"{spec.name} exists from {' and '.join(available)} only; {remedy}"
        failure = Failure("unavailable", Reason.SOURCE, message)
    shown = usable or [Device(kind) for kind in kinds[:1]]
    trials = [
        trial
        for benchmark in fitting or benchmarks.values()
        for device in shown or [CPU]
        if not fitting or device.kind in benchmark.kernels[spec.kernel].devices
        for trial in _trials(benchmark, spec, choices, device, _besides(device, shown, at_once=choices.at_once))
    ]
    return Stack(spec, sources, tuple(dict.fromkeys(trials)), failure)


def _no_kernel(spec: EnvironmentSpec, benchmarks: Mapping[str, BenchmarkSpec]) -> Failure | None:
    """A stack may be chosen together with benchmarks that its framework has no kernel for."""
    if any(spec.kernel in benchmark.kernels for benchmark in benchmarks.values()):
        return None
    able = sorted({framework for benchmark in benchmarks.values() for framework in benchmark.kernels})
    has = "has" if len(benchmarks) == 1 else "have"
    words = f"{' and '.join(benchmarks)} {has} no kernel for {spec.kernel}, only for {', '.join(able)}"
    return Failure("unavailable", Reason.KERNEL, words)


def _trials(
    benchmark: BenchmarkSpec,
    spec: EnvironmentSpec,
    choices: Choices,
    device: Device,
    besides: Sequence[tuple[Device, ...]],
) -> Iterator[Trial]:
    """Every size, dtype and number of threads of one benchmark on one device."""
    amounts = benchmark.presets[choices.preset]["cpu" if device.kind == DeviceKind.CPU else "gpu"]
    key = StackKey(spec.name, "existing" if spec.python is not None else None)
    for values in asked(benchmark, choices, amounts):
        for dtype in choices.dtypes or amounts.dtypes:
            size = size_of(benchmark, values, dtype)
            for threads in choices.threads or (None,):
                for beside in besides:
                    yield Trial(benchmark.name, key, spec.kernel, device, dtype, size, threads, beside)


def _besides(device: Device, chosen: Sequence[Device], *, at_once: bool) -> list[tuple[Device, ...]]:
    """Alone and, where it was asked for, while the other GPUs work."""
    others = tuple(other for other in chosen if other.kind == device.kind and other != device)
    return [(), others] if at_once and others else [()]


def _chosen_devices(asked: Sequence[str], machine: Machine) -> list[Device]:
    everything = [CPU, *(gpu.device for gpu in machine.gpus)]
    if not asked:
        return everything
    chosen: list[Device] = []
    for text in asked:
        kind, _, index = text.partition(":")
        if kind == "gpu":
            raise UsageError(f"there is no device {text!r}; did you mean {_gpu_words(machine)}?")
        _known("device", kind, DeviceKind)
        if index and not index.isdigit():
            raise UsageError(f"there is no device {text!r}; write cpu, cuda, metal or, for one of several, cuda:1")
        matching = [device for device in everything if device.kind == kind and index in ("", str(device.index))]
        chosen += [device for device in matching if device not in chosen]
    return chosen


def _gpu_words(machine: Machine) -> str:
    """What the GPUs here are called, or would be."""
    kinds = dict.fromkeys(gpu.kind for gpu in machine.gpus)
    return " or ".join(kinds) or ("metal" if machine.platform.startswith("osx-") else "cuda")


def known_benchmark(name: str, catalogue: Catalogue) -> BenchmarkSpec:
    """The benchmark of this name. Raises UsageError with the nearest names, ManifestError if its file is broken."""
    _refuse_broken(name, catalogue, catalogue.benchmarks)
    return catalogue.benchmarks[_known("benchmark", name, catalogue.benchmarks)]


def known_stack(name: str, catalogue: Catalogue) -> EnvironmentSpec:
    """The stack of this name. Raises UsageError with the nearest names, ManifestError if its file is broken."""
    _refuse_broken(name, catalogue, catalogue.environments)
    return catalogue.environments[_known("stack", name, catalogue.environments)]


def _refuse_broken(name: str, catalogue: Catalogue, whole: Iterable[str]) -> None:
    broken = next((each for each in catalogue.broken if each.name == name), None)
    if broken is not None and name not in whole:
        raise ManifestError(broken.message, remedy="correct the file or delete it")


def _known(what: str, name: str, known: Iterable[str]) -> str:
    known = list(known)
    if name not in known:
        raise UsageError(f"there is no {what} {name!r}; {nearest(name, known)}")
    return name
