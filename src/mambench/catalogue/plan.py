"""Pure: specs x choices x machine -> Plan, and what a trial needs of memory."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from mambench.catalogue.manifest import DEVICES, nearest
from mambench.errors import ManifestError, UsageError
from mambench.model import (
    DTYPES,
    BenchmarkSpec,
    Catalogue,
    Choices,
    CondaRecipe,
    CudaNeeds,
    EnvironmentSpec,
    Failure,
    Gpu,
    Limits,
    Machine,
    Plan,
    Preset,
    PypiRecipe,
    Reason,
    Source,
    Stack,
    Trial,
)

SOURCES = ("auto", "conda", "pypi")
LARGEST_SIZE = 1_000_000

PRESETS = {
    preset.name: preset
    for preset in (
        Preset(
            name="quick",
            title="a first number within seconds, one round, no interval",
            cpu_sizes=(2048,),
            gpu_sizes=(2048,),
            cpu_dtypes=("float64", "float32"),
            gpu_dtypes=("float64", "float32"),
            rounds=1,
            limits=Limits(
                warmups=2,
                min_runs=5,
                max_runs=50,
                max_seconds=3,
                target_spread=0.01,
                max_run_seconds=20,
                probe=True,
                warmup_seconds=0.5,
                budget_seconds=60,
            ),
            timeout_seconds=300,
        ),
        Preset(
            name="standard",
            title="n = 8000 as in the original article, three rounds, with intervals",
            cpu_sizes=(8000,),
            gpu_sizes=(8192,),
            cpu_dtypes=("float64", "float32"),
            gpu_dtypes=("float64", "float32", "tf32", "float16", "bfloat16"),
            rounds=3,
            limits=Limits(
                warmups=2,
                min_runs=3,
                max_runs=200,
                max_seconds=30,
                target_spread=0.01,
                max_run_seconds=120,
                probe=True,
                warmup_seconds=2,
                budget_seconds=300,
            ),
            timeout_seconds=1800,
        ),
        Preset(
            name="thorough",
            title="a sweep of sizes, five rounds",
            cpu_sizes=(512, 1024, 2048, 4096, 8192),
            gpu_sizes=(1024, 2048, 4096, 8192, 16384),
            cpu_dtypes=("float64", "float32"),
            gpu_dtypes=("float64", "float32", "tf32", "float16", "bfloat16"),
            rounds=5,
            limits=Limits(
                warmups=3,
                min_runs=5,
                max_runs=500,
                max_seconds=60,
                target_spread=0.005,
                max_run_seconds=300,
                probe=True,
                warmup_seconds=5,
                budget_seconds=1200,
            ),
            timeout_seconds=3600,
        ),
    )
}

CHECK_BYTES = 128 * 1024 * 1024
"""Working space of the verification, with room for its vectors."""

RUNTIME_BYTES = 400 * 1024 * 1024
"""What an interpreter with the largest of the frameworks takes before any operand (measured: TensorFlow)."""

OPERAND_ROOM = 1.34
"""Operands and product times this: one more operand while they are made, packing buffers of the BLAS."""


def build(choices: Choices, catalogue: Catalogue, machine: Machine, existing: Sequence[EnvironmentSpec] = ()) -> Plan:
    """The plan for these choices. Raises UsageError for what does not exist, with the nearest names."""
    preset = PRESETS[_known("preset", choices.preset, PRESETS)]
    _known("source", choices.source, SOURCES)
    for dtype in choices.dtypes:
        _known("dtype", dtype, DTYPES)
    devices = _chosen_devices(choices.devices, machine)
    limits, timeout_seconds = _limits(preset, choices)
    stacks = [
        _stack(spec, choices, preset, machine, catalogue.benchmarks, devices)
        for spec in _chosen(choices, catalogue, existing)
    ]
    return Plan(
        choices=choices,
        preset=preset,
        rounds=choices.rounds or preset.rounds,
        limits=limits,
        timeout_seconds=timeout_seconds,
        stacks=tuple(stacks),
        benchmarks=catalogue.benchmarks,
    )


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
        max_run_seconds=min(longest, seconds / 2),
        budget_seconds=min(limits.budget_seconds, seconds * 0.8),
        second_look=not choices.sizes,
    )
    return fitting, seconds


def needed_bytes(trial: Trial) -> int:
    """Memory of a worker for this trial on the CPU, verification included."""
    elements = trial.m * trial.k + trial.k * trial.n + trial.m * trial.n
    return int(elements * DTYPES[trial.dtype] * OPERAND_ROOM) + CHECK_BYTES + RUNTIME_BYTES


def memory_failure(trial: Trial, *, available_bytes: int, gpu: Gpu | None) -> Failure | None:
    """Why the trial does not fit here now, with the largest size that would; None when it fits."""
    if gpu is not None and gpu.free_bytes is not None:
        return _too_large(trial, gpu.free_bytes, f"are free on {gpu.name}", "close other programs")
    return _too_large(trial, available_bytes, "are free here", "close other programs")


def _never_fits(trial: Trial, machine: Machine, gpu: Gpu | None) -> Failure | None:
    """The same for all the memory that there is, however much of it is free when it comes to measuring."""
    if gpu is not None and gpu.memory_bytes is not None:
        return _too_large(trial, gpu.memory_bytes, f"is all that {gpu.name} has", "no size fits")
    return _too_large(trial, machine.memory_bytes, "is all that this machine has", "no size fits")


def _too_large(trial: Trial, room_bytes: int, room_words: str, otherwise: str) -> Failure | None:
    needed = needed_bytes(trial)
    if needed <= room_bytes:
        return None
    fixed = CHECK_BYTES + RUNTIME_BYTES
    largest = math.isqrt(int(max(0, room_bytes - fixed) / (3 * OPERAND_ROOM * DTYPES[trial.dtype])))
    step = f"try --size {largest // 64 * 64}" if largest >= 64 else otherwise
    size = f"n = {trial.n} in {trial.dtype}"
    message = f"{size} needs {needed / 1e9:.1f} GB of memory, {room_bytes / 1e9:.1f} GB {room_words}; {step}"
    return Failure("unavailable", Reason.MEMORY, message)


# ------------------------------------------------------------------------------------------------- choosing


def _chosen(choices: Choices, catalogue: Catalogue, existing: Sequence[EnvironmentSpec]) -> list[EnvironmentSpec]:
    names = list(dict.fromkeys(choices.environments))
    for name in names:
        known_stack(name, catalogue)
    pythons = [(spec.name, spec.kernel) for spec in existing]
    if twice := next((name for name, kernel in pythons if pythons.count((name, kernel)) > 1), None):
        raise UsageError(f"two pythons are called {twice}", remedy="give each a name: --python NAME=PATH")
    chosen = [catalogue.environments[name] for name in names]
    if choices.everything:
        kernels = {framework for benchmark in catalogue.benchmarks.values() for framework in benchmark.kernels}
        others = (spec for name, spec in catalogue.environments.items() if name not in names)
        chosen += [spec for spec in others if spec.kernel in kernels]
    return [*chosen, *existing]


def _stack(
    spec: EnvironmentSpec,
    choices: Choices,
    preset: Preset,
    machine: Machine,
    benchmarks: Mapping[str, BenchmarkSpec],
    devices: Sequence[str],
) -> Stack:
    fitting = [benchmark for benchmark in benchmarks.values() if spec.kernel in benchmark.kernels]
    if not fitting:
        known = {framework for benchmark in benchmarks.values() for framework in benchmark.kernels}
        raise UsageError(f"{spec.file or spec.name}: there is no kernel {spec.kernel!r}; {nearest(spec.kernel, known)}")
    able = {kind for benchmark in fitting for kind in benchmark.kernels[spec.kernel].devices}
    kinds = tuple(kind for kind in spec.devices if kind in able)
    here = [device for device in devices if device.partition(":")[0] in kinds]
    available = sources_on(spec, machine.platform)
    sources = available
    if choices.source != "auto" and spec.python is None:
        sources = tuple(source for source in available if source == choices.source)
    failure = impossible(spec, machine) or (None if here else _no_device(kinds, choices.devices))
    if failure is None and not sources:
        failure = Failure(
            "unavailable",
            Reason.SOURCE,
            f"{spec.name} exists from {' and '.join(available)} only; leave out --source {choices.source}",
        )
    shown = here or [f"{kind}:0" for kind in kinds[:1]]
    trials = [
        Trial(benchmark.name, spec.name, spec.kernel, device, dtype, size, size, size, threads)
        for benchmark in fitting
        for device in shown
        if device.partition(":")[0] in benchmark.kernels[spec.kernel].devices
        for size in choices.sizes or _sizes(preset, device)
        for dtype in choices.dtypes or _dtypes(preset, device)
        for threads in choices.threads or (None,)
    ]
    return Stack(spec, sources, tuple(dict.fromkeys(trials)), failure)


def sources_on(spec: EnvironmentSpec, platform: str) -> tuple[Source, ...]:
    """The sources that have this stack for a platform, in the order in which `auto` tries them."""
    recipes: Mapping[Source, CondaRecipe | PypiRecipe | None] = {"conda": spec.conda, "pypi": spec.pypi}

    def has(source: Source) -> bool:
        recipe = recipes.get(source)
        return recipe is None or not recipe.platforms or platform in recipe.platforms

    return tuple(source for source in spec.sources if has(source))


def impossible(spec: EnvironmentSpec, machine: Machine) -> Failure | None:
    """Why this stack cannot run on this machine at all; None when it can."""
    if machine.platform not in spec.platforms:
        return Failure(
            "unavailable",
            Reason.PLATFORM,
            f"{spec.name} exists for {', '.join(spec.platforms)}, not for {machine.platform}",
        )
    kinds = {"cpu", *(gpu.kind for gpu in machine.gpus)}
    if not kinds & set(spec.devices):
        return _no_device(spec.devices, ())
    cuda = [gpu for gpu in machine.gpus if gpu.kind == "cuda"]
    if spec.cuda is not None and "cpu" not in spec.devices and cuda:
        problems = [_too_old(spec.cuda, gpu) for gpu in cuda]
        return problems[0] if all(problems) else None
    return None


def _too_old(needs: CudaNeeds, gpu: Gpu) -> Failure | None:
    if gpu.cuda_version is not None and _version(gpu.cuda_version) < _version(needs.version):
        message = (
            f"driver {gpu.driver} supports CUDA {gpu.cuda_version}; this stack needs {needs.version}: update the driver"
        )
        return Failure("unavailable", Reason.NO_DEVICE, message)
    if gpu.compute_capability is not None and _version(gpu.compute_capability) < _version(needs.compute_capability):
        message = (
            f"{gpu.name} has compute capability {gpu.compute_capability}; "
            f"this stack's build needs {needs.compute_capability} or later"
        )
        return Failure("unavailable", Reason.NO_DEVICE, message)
    return None


def _no_device(kinds: Iterable[str], asked: Sequence[str]) -> Failure:
    if asked:
        return Failure("unavailable", Reason.NO_DEVICE, f"it runs on {', '.join(kinds)}, not on {', '.join(asked)}")
    words = {
        "cuda": "no NVIDIA GPU with a working driver was found (nvidia-smi tells)",
        "metal": "no Apple GPU is here",
        "cpu": "it does not run on a CPU",
    }
    return Failure("unavailable", Reason.NO_DEVICE, "; ".join(words[kind] for kind in kinds))


def _chosen_devices(asked: Sequence[str], machine: Machine) -> list[str]:
    everything = ["cpu:0", *(f"{gpu.kind}:{gpu.index}" for gpu in machine.gpus)]
    if not asked:
        return everything
    chosen: list[str] = []
    for device in asked:
        kind, _, index = device.partition(":")
        if kind == "gpu":
            raise UsageError(f"there is no device {device!r}; did you mean {_gpu_words(machine)}?")
        _known("device", kind, DEVICES)
        if index and not index.isdigit():
            raise UsageError(f"{device!r} is no device; write cpu, cuda, metal or for one of several cuda:1")
        matching = [name for name in everything if name == device or (not index and name.startswith(f"{kind}:"))]
        chosen += [name for name in matching if name not in chosen]
    return chosen


def _gpu_words(machine: Machine) -> str:
    """What the GPUs here are called, or would be."""
    kinds = dict.fromkeys(gpu.kind for gpu in machine.gpus)
    return " or ".join(kinds) or ("metal" if machine.platform.startswith("osx-") else "cuda")


def _sizes(preset: Preset, device: str) -> tuple[int, ...]:
    return preset.cpu_sizes if device.startswith("cpu") else preset.gpu_sizes


def _dtypes(preset: Preset, device: str) -> tuple[str, ...]:
    return preset.cpu_dtypes if device.startswith("cpu") else preset.gpu_dtypes


def static_failure(trial: Trial, spec: EnvironmentSpec, machine: Machine) -> Failure | None:
    """What is known without starting a worker: what a dtype needs, what this one of several GPUs lacks, memory."""
    gpu = gpu_of(trial, machine)
    if spec.cuda is not None and gpu is not None and gpu.kind == "cuda" and (old := _too_old(spec.cuda, gpu)):
        return old
    kind = trial.device.partition(":")[0]
    if trial.dtype == "tf32" and kind != "cuda":
        return Failure("unavailable", Reason.DTYPE, "TF32 exists on NVIDIA GPUs only")
    if trial.dtype == "float64" and kind == "metal":
        return Failure("unavailable", Reason.DTYPE, "Apple GPUs have no float64")
    return _never_fits(trial, machine, gpu)


def refused(stack: Stack, machine: Machine) -> list[tuple[Trial, Failure]]:
    """The trials of a stack that are known beforehand to have no number, and why."""
    known = ((trial, stack.failure or static_failure(trial, stack.spec, machine)) for trial in stack.trials)
    return [(trial, failure) for trial, failure in known if failure is not None]


def gpu_of(trial: Trial, machine: Machine) -> Gpu | None:
    """The trial's device as the driver tells it; None for a CPU."""
    return next((gpu for gpu in machine.gpus if f"{gpu.kind}:{gpu.index}" == trial.device), None)


def with_environment(trial: Trial, key: str) -> Trial:
    """The trial under the name of the environment that it runs in."""
    return replace(trial, environment=key)


def known_stack(name: str, catalogue: Catalogue) -> EnvironmentSpec:
    """The stack of this name. Raises UsageError with the nearest names, ManifestError if its file is broken."""
    broken = next((each for each in catalogue.broken if each.name == name), None)
    if broken is not None and name not in catalogue.environments:
        raise ManifestError(broken.message)
    return catalogue.environments[_known("stack", name, catalogue.environments)]


def _known(what: str, name: str, known: Iterable[str]) -> str:
    known = list(known)
    if name not in known:
        raise UsageError(f"there is no {what} {name!r}; {nearest(name, known)}")
    return name


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdigit())
