"""Why a stack or a trial cannot run on this machine, known before anything is started. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from mambench.model import (
    CondaRecipe,
    CudaNeeds,
    DeviceKind,
    EnvironmentSpec,
    Failure,
    Gpu,
    Machine,
    PypiRecipe,
    Reason,
    SourceName,
    Stack,
    Trial,
)

CHECK_BYTES = 128 * 1024 * 1024
"""Working space of the verification, with room for its vectors."""


RUNTIME_BYTES = 400 * 1024 * 1024
"""What an interpreter with the largest of the frameworks takes before any operand (measured: TensorFlow)."""


ROUNDING = 1e-12
"""Of that root: a multiple is not missed by a hair."""


OPERAND_ROOM = 1.34
"""Operands and result times this: one more operand while they are made, packing buffers of the BLAS."""


def needed_bytes(trial: Trial) -> int:
    """Memory of a worker for this trial on the CPU, verification included."""
    return int(trial.size.memory_bytes * OPERAND_ROOM) + CHECK_BYTES + RUNTIME_BYTES


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
    largest = _largest(trial, (room_bytes - CHECK_BYTES - RUNTIME_BYTES) / OPERAND_ROOM)
    step = f"try --size {largest}" if largest else otherwise
    size = f"{trial.size.words} in {trial.dtype}"
    message = f"{size} needs {needed / 1e9:.1f} GB of memory, {room_bytes / 1e9:.1f} GB {room_words}; {step}"
    return Failure("unavailable", Reason.MEMORY, message)


def _largest(trial: Trial, room_bytes: float) -> int:
    """The largest single number whose operands and result fit; 0 where none does, or none is the size."""
    if not trial.size.label.isdigit() or room_bytes <= 0:
        return 0
    size = int(trial.size.label)
    largest = int(size * (room_bytes / trial.size.memory_bytes) ** (1 / trial.size.growth) * (1 + ROUNDING))
    return largest // trial.size.step * trial.size.step


def impossible(spec: EnvironmentSpec, machine: Machine) -> Failure | None:
    """Why this stack cannot run on this machine at all; None when it can."""
    if machine.platform not in spec.platforms:
        return Failure(
            "unavailable",
            Reason.PLATFORM,
            f"{spec.name} exists for {', '.join(spec.platforms)}, not for {machine.platform}",
        )
    if not sources_on(spec, machine.platform):
        return Failure("unavailable", Reason.PLATFORM, f"no source has {spec.name} for {machine.platform}")
    kinds = {DeviceKind.CPU, *(gpu.kind for gpu in machine.gpus)}
    if not kinds & set(spec.devices):
        return no_device(spec.devices, ())
    cuda = [gpu for gpu in machine.gpus if gpu.kind == DeviceKind.CUDA]
    if spec.cuda is not None and DeviceKind.CPU not in spec.devices and cuda:
        problems = [_too_old(spec.cuda, gpu) for gpu in cuda]
        return problems[0] if all(problems) else None
    return None


def sources_on(spec: EnvironmentSpec, platform: str) -> tuple[SourceName, ...]:
    """The sources that have this stack for a platform, in the order in which `auto` tries them."""
    recipes: Mapping[SourceName, CondaRecipe | PypiRecipe | None] = {"conda": spec.conda, "pypi": spec.pypi}

    def has(source: SourceName) -> bool:
        recipe = recipes.get(source)
        return recipe is None or not recipe.platforms or platform in recipe.platforms

    return tuple(source for source in spec.sources if has(source))


def _too_old(needs: CudaNeeds, gpu: Gpu) -> Failure | None:
    if gpu.cuda_version is not None and version(gpu.cuda_version) < version(needs.version):
        message = (
            f"driver {gpu.driver} supports CUDA {gpu.cuda_version}; this stack needs {needs.version}: update the driver"
        )
        return Failure("unavailable", Reason.NO_DEVICE, message)
    if gpu.compute_capability is not None and version(gpu.compute_capability) < version(needs.compute_capability):
        message = (
            f"{gpu.name} has compute capability {gpu.compute_capability}; "
            f"this stack's build needs {needs.compute_capability} or later"
        )
        return Failure("unavailable", Reason.NO_DEVICE, message)
    return None


def no_device(kinds: Iterable[DeviceKind], asked: Sequence[str]) -> Failure:
    """Why no device here fits a stack that runs on `kinds`; `asked` are those that were named."""
    if asked:
        return Failure("unavailable", Reason.NO_DEVICE, f"it runs on {', '.join(kinds)}, not on {', '.join(asked)}")
    words = {
        DeviceKind.CUDA: "no NVIDIA GPU with a working driver was found (try nvidia-smi)",
        DeviceKind.METAL: "this computer has no Apple GPU",
        DeviceKind.CPU: "it does not run on a CPU",
    }
    return Failure("unavailable", Reason.NO_DEVICE, "; ".join(words[kind] for kind in kinds))


def static_failure(trial: Trial, spec: EnvironmentSpec, machine: Machine) -> Failure | None:
    """What is known without starting a worker: what a dtype needs, what this one of several GPUs lacks, memory."""
    gpu = gpu_of(trial, machine)
    if spec.cuda is not None and gpu is not None and gpu.kind == DeviceKind.CUDA and (old := _too_old(spec.cuda, gpu)):
        return old
    kind = trial.device.kind
    if trial.dtype == "tf32" and kind != DeviceKind.CUDA:
        return Failure("unavailable", Reason.DTYPE, "TF32 exists on NVIDIA GPUs only")
    if trial.dtype == "float64" and kind == DeviceKind.METAL:
        return Failure("unavailable", Reason.DTYPE, "Apple GPUs have no float64")
    return _never_fits(trial, machine, gpu)


def refused(stack: Stack, machine: Machine) -> list[tuple[Trial, Failure]]:
    """The trials of a stack that are known beforehand to have no number, and why."""
    known = ((trial, stack.failure or static_failure(trial, stack.spec, machine)) for trial in stack.trials)
    return [(trial, failure) for trial, failure in known if failure is not None]


def gpu_of(trial: Trial, machine: Machine) -> Gpu | None:
    """The trial's device as the driver tells it; None for a CPU."""
    return next((gpu for gpu in machine.gpus if gpu.device == trial.device), None)


def cuda_problem(spec: EnvironmentSpec, cuda_version: str) -> str:
    """Why a stack cannot run with a driver for this version of CUDA; "" where it can."""
    if spec.cuda is None or version(cuda_version) >= version(spec.cuda.version):
        return ""
    return f"{spec.name} needs a driver for CUDA {spec.cuda.version}, not for {cuda_version}"


def version(text: str) -> tuple[int, ...]:
    """`12.8` as numbers, which can be compared."""
    return tuple(int(part) for part in text.split(".") if part.isdigit())
