"""What the machine calls the device that computed: by the system, or by the CUDA driver's interface.

The driver numbers devices as the frameworks do (CUDA_VISIBLE_DEVICES applies to both). The CUDA part has not
run on a device yet.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from pathlib import Path
from typing import Any, Callable

CUDA_LIBRARIES = {"win32": "nvcuda.dll", "linux": "libcuda.so.1"}
# CUdevice_attribute and the lengths of names and identifiers, from cuda.h.
CAPABILITY_MAJOR, CAPABILITY_MINOR = 75, 76
NAME_BYTES, UUID_BYTES = 256, 16

Facts = dict[str, Any]


def device_facts(device: str) -> Facts:
    """Return the name and, for CUDA, driver, compute capability and UUID of a device such as cuda:0."""
    kind, index = device.split(":")
    if kind == "cuda":
        return _guarded(lambda: _cuda(int(index)))
    return _guarded(lambda: {"device_name": _processor()}) if kind == "cpu" else {}


def _guarded(ask: Callable[[], Facts]) -> Facts:
    """Facts are worth having, never worth a failed measurement."""
    try:
        return ask()
    except (OSError, AttributeError, ValueError):
        return {}


def _processor() -> str:
    if sys.platform.startswith("linux"):
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    if sys.platform == "darwin":
        return _sysctl(b"machdep.cpu.brand_string")
    # Windows tells it there; platform.processor() may run what PATH has as `uname`.
    return os.environ.get("PROCESSOR_IDENTIFIER") or platform.machine()


def _sysctl(name: bytes) -> str:
    system, value, size = (
        ctypes.CDLL(None),
        ctypes.create_string_buffer(NAME_BYTES),
        ctypes.c_size_t(NAME_BYTES),
    )
    if system.sysctlbyname(name, value, ctypes.byref(size), None, ctypes.c_size_t(0)):
        raise OSError(f"sysctl knows no {name.decode()}")
    return value.value.decode("utf-8", "replace")


def _cuda(index: int) -> Facts:
    driver = ctypes.CDLL(CUDA_LIBRARIES["win32" if sys.platform == "win32" else "linux"])
    device, version = ctypes.c_int(), ctypes.c_int()
    name, uuid = ctypes.create_string_buffer(NAME_BYTES), (ctypes.c_ubyte * UUID_BYTES)()
    _succeed(driver.cuInit(0))
    _succeed(driver.cuDeviceGet(ctypes.byref(device), index))
    _succeed(driver.cuDriverGetVersion(ctypes.byref(version)))
    _succeed(driver.cuDeviceGetName(name, NAME_BYTES, device))
    # Not cuDeviceGetUuid_v2, which names a MIG instance: NVML's identifier, held against this one, is the GPU's.
    _succeed(driver.cuDeviceGetUuid(ctypes.byref(uuid), device))
    major, minor = (_attribute(driver, wanted, device) for wanted in (CAPABILITY_MAJOR, CAPABILITY_MINOR))
    return {
        "device_name": name.value.decode("utf-8", "replace"),
        "compute_capability": f"{major}.{minor}",
        "driver": _driver_version(),
        "driver_cuda": f"{version.value // 1000}.{version.value % 1000 // 10}",
        "uuid": "GPU-" + _dashed(bytes(uuid).hex()),
    }


def _attribute(driver: Any, attribute: int, device: Any) -> int:
    value = ctypes.c_int()
    _succeed(driver.cuDeviceGetAttribute(ctypes.byref(value), attribute, device))
    return value.value


def _driver_version() -> Any:
    """Return the driver's own version, which the management library knows, or None."""
    try:
        library = ctypes.CDLL("nvml.dll" if sys.platform == "win32" else "libnvidia-ml.so.1")
        text = ctypes.create_string_buffer(NAME_BYTES)
        _succeed(library.nvmlInit_v2())
        _succeed(library.nvmlSystemGetDriverVersion(text, NAME_BYTES))
    except (OSError, AttributeError):
        return None
    return text.value.decode("ascii", "replace")


def _succeed(status: int) -> None:
    if status:
        raise OSError(f"the CUDA driver answers {status}")


def _dashed(digits: str) -> str:
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
