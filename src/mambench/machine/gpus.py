"""The GPUs of NVIDIA that a CUDA program sees here, through NVML."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mambench.machine import throughput
from mambench.machine.nvml import Driver, ask, gpu_handles
from mambench.model import DeviceKind, Gpu


def visible(driver: Driver, environ: Mapping[str, str]) -> tuple[tuple[Gpu, ...], tuple[str, ...]]:
    """The GPUs that CUDA programs see with CUDA_DEVICE_ORDER=PCI_BUS_ID, and what to know about them."""
    if driver.nvml is None:
        return (), () if driver.problem is None else (driver.problem,)
    nvml = driver.nvml
    listed = tuple(_gpu(nvml, index, handle) for index, handle in enumerate(gpu_handles(nvml, environ)))
    count = ask(nvml, "nvmlDeviceGetCount") or 0
    notes = []
    if len(listed) < count:
        notes.append(f"CUDA_VISIBLE_DEVICES hides {count - len(listed)} of {count} GPUs")
    if "MIG-" in environ.get("CUDA_VISIBLE_DEVICES", ""):
        notes.append("CUDA_VISIBLE_DEVICES names a part of a GPU (MIG), which cannot be measured yet")
    if len(listed) > 1:
        notes.append("GPUs are numbered by their place on the PCI bus, as with CUDA_DEVICE_ORDER=PCI_BUS_ID")
    return listed, tuple(notes)


def _gpu(nvml: Any, index: int, handle: Any) -> Gpu:
    memory = ask(nvml, "nvmlDeviceGetMemoryInfo", handle)
    cuda = ask(nvml, "nvmlSystemGetCudaDriverVersion")
    capability = ask(nvml, "nvmlDeviceGetCudaComputeCapability", handle)
    name = ask(nvml, "nvmlDeviceGetName", handle) or "NVIDIA GPU"
    compute_capability = ".".join(str(part) for part in capability) if capability else None
    cuda_cores = ask(nvml, "nvmlDeviceGetNumGpuCores", handle)
    return Gpu(
        kind=DeviceKind.CUDA,
        index=index,
        name=name,
        uuid=ask(nvml, "nvmlDeviceGetUUID", handle),
        memory_bytes=None if memory is None else int(memory.total),
        free_bytes=None if memory is None else int(memory.free),
        driver=ask(nvml, "nvmlSystemGetDriverVersion"),
        cuda_version=f"{cuda // 1000}.{cuda % 1000 // 10}" if cuda else None,
        compute_capability=compute_capability,
        multiprocessors=throughput.multiprocessors(compute_capability, cuda_cores),
        max_mhz=ask(nvml, "nvmlDeviceGetMaxClockInfo", handle, getattr(nvml, "NVML_CLOCK_SM", 1)),
        throughput=throughput.of_gpu(compute_capability, name=name),
    )
