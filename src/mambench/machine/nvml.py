"""The NVIDIA driver through NVML: opened once, asked without raising, its GPUs in CUDA's order."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from threading import Thread
from typing import Any

from mambench.machine.readings import MISSING

NVML_SECONDS = 10.0
"""A driver that has not answered by then is taken for dead."""


@dataclass(frozen=True)
class Driver:
    """NVML, ready to be asked, or in words why it is not; both None where there is no NVIDIA driver."""

    nvml: Any | None = None
    problem: str | None = None


def open_driver(load: Callable[[], Any] | None = None) -> Driver:
    """Load and initialise NVML, without ever waiting longer than `NVML_SECONDS` for a broken driver.

    It stays initialised: that keeps the driver awake between rounds, and the process's end closes it.
    """
    drivers: list[Driver] = []
    thread = Thread(target=lambda: drivers.append(_initialised(load or _load_nvml)), daemon=True)
    thread.start()
    thread.join(NVML_SECONDS)
    if drivers:
        return drivers[0]
    return Driver(problem=f"the NVIDIA driver did not answer in {NVML_SECONDS:.0f} s; restart the computer")


opened_driver = functools.cache(open_driver)
"""The driver for all rounds of a run: opening it takes a while, a dead one `NVML_SECONDS`."""


def _load_nvml() -> Any:
    import pynvml

    return pynvml


def _initialised(load: Callable[[], Any]) -> Driver:
    try:
        nvml = load()
    except (ImportError, OSError):
        return Driver()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError as error:
        absent = (nvml.NVML_ERROR_LIBRARY_NOT_FOUND, nvml.NVML_ERROR_DRIVER_NOT_LOADED)
        return Driver() if error.value in absent else Driver(problem=driver_problem(error))
    except (OSError, AttributeError) as error:
        return Driver(problem=driver_problem(error))
    return Driver(nvml=nvml)


def driver_problem(error: Exception) -> str:
    """An NVML error in words."""
    return f"the NVIDIA driver could not be asked ({error}); update it or restart the computer"


def ask(nvml: Any, question: str, *arguments: Any) -> Any:
    """The answer of one NVML function, as str where NVML gives bytes; None where this GPU has none."""
    try:
        answer = getattr(nvml, question)(*arguments)
    except (nvml.NVMLError, *MISSING):
        return None
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer


def visible_gpus(uuids: Sequence[str | None], environ: Mapping[str, str]) -> tuple[int, ...]:
    """Positions of the GPUs that a CUDA program sees, in its order, out of all GPUs in PCI order.

    CUDA_VISIBLE_DEVICES holds numbers or beginnings of UUIDs; as in CUDA, the first entry that names no GPU
    ends the list; a GPU named twice is taken for a mistake that hides all. Numbers count as with
    CUDA_DEVICE_ORDER=PCI_BUS_ID. Source: "CUDA_VISIBLE_DEVICES" in the CUDA C++ Programming Guide.
    """
    setting = environ.get("CUDA_VISIBLE_DEVICES")
    if setting is None:
        return tuple(range(len(uuids)))
    seen: list[int] = []
    for entry in setting.split(","):
        position = _named_gpu(entry.strip(), uuids)
        if position is None:
            break
        seen.append(position)
    return tuple(seen) if len(set(seen)) == len(seen) else ()


def _named_gpu(entry: str, uuids: Sequence[str | None]) -> int | None:
    if entry.isdecimal():
        return int(entry) if int(entry) < len(uuids) else None
    if not entry.startswith("GPU-"):
        return None
    matches = [position for position, uuid in enumerate(uuids) if uuid and uuid.startswith(entry)]
    return matches[0] if len(matches) == 1 else None


def gpu_handles(nvml: Any, environ: Mapping[str, str]) -> list[Any]:
    """NVML's handles of the visible GPUs, in the order in which a CUDA program numbers them."""
    count = ask(nvml, "nvmlDeviceGetCount") or 0
    handles = [ask(nvml, "nvmlDeviceGetHandleByIndex", index) for index in range(count)]
    uuids = [None if handle is None else ask(nvml, "nvmlDeviceGetUUID", handle) for handle in handles]
    return [handles[position] for position in visible_gpus(uuids, environ)]
