"""What really ran: python, the libraries that are loaded, their threads, and what the process used."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import platform
import re
import sys
import traceback
from pathlib import Path
from typing import Any

import loading
from devices import device_facts

# mambench puts it beside this file. The name is its own: the environment's threadpoolctl may be another version.
POOLS_MODULE = "mambench_threadpoolctl"
POOLS_FILE = Path(__file__).with_name("threadpoolctl.py")

# Libraries that threadpoolctl does not know, or that are named when it is not there, by the start of their
# file names.
BLAS_FILES = (
    ("libmkl_rt", "mkl"),
    ("mkl_rt", "mkl"),
    ("libopenblas", "openblas"),
    ("openblas", "openblas"),  # conda-forge on Windows
    ("libscipy_openblas", "openblas"),
    ("libblis", "blis"),
    ("libnvpl_blas", "nvpl"),
    ("Accelerate", "accelerate"),
)
# Proof of what ran: said again after the runs, whether changed or not.
KNOWN_AFTER = ("threads", "blas", "result_device", "result_dtype", "float32_precision")
BLAS_KEYS = ("blas", "blas_version", "threading_layer", "threads")
_BYTES_PER_KIB = 1024

Facts = dict[str, Any]


def collect(kernel_facts: Any, device: str) -> tuple[Facts, str]:
    """Return what `ready` says, the kernel's own facts winning, and a warning where the libraries were not read."""
    pools, problem = thread_pools()
    general = {
        "python": platform.python_version(),
        "platform": _platform(),
        "machine": platform.machine(),
        "threadpools": pools,
    }
    return {**general, **device_facts(device), **_computing(_plain_facts(kernel_facts), pools)}, problem


def _platform() -> str:
    """Name the system as platform.platform() does, which runs what PATH has as `uname` and `file`."""
    libc = "".join(platform.libc_ver()) if sys.platform.startswith("linux") else ""
    words = (platform.system(), platform.release(), platform.machine(), libc and "with-" + libc)
    return "-".join(word for word in words if word)


def after(before: Facts, kernel_facts: Any) -> Facts:
    """Return what is known or has changed since the kernel ran, under the same keys as in `ready`."""
    now = _computing(_plain_facts(kernel_facts), thread_pools()[0])
    return {key: value for key, value in now.items() if key in KNOWN_AFTER or before.get(key) != value}


def _computing(kernel: Facts, pools: list[Facts]) -> Facts:
    """Complete a kernel's facts by the loaded BLAS, unless it names its own: numpy may be there for the check."""
    return {**dict.fromkeys(BLAS_KEYS), **({} if kernel.get("blas") else _blas(pools)), **kernel}


def thread_pools() -> tuple[list[Facts], str]:
    """Return what threadpoolctl sees in this process, and in words why it sees nothing; its traceback is logged."""
    try:
        module = sys.modules.get(POOLS_MODULE) or loading.execute(POOLS_FILE, POOLS_MODULE)
        return [_pool(pool) for pool in module.threadpool_info()], ""
    except Exception as error:  # it asks libraries of any make and age: no reason to lose the measurement
        traceback.print_exc()
        return [], f"the loaded libraries and their threads could not be read: {type(error).__name__}: {error}"


def _pool(pool: Facts) -> Facts:
    kept = ("user_api", "internal_api", "version", "threading_layer", "num_threads", "architecture")
    return _plain_facts(
        {**{key: pool.get(key) for key in kept}, "library": os.path.basename(str(pool.get("filepath", "")))}
    )


def _blas(pools: list[Facts]) -> Facts:
    """Name the BLAS that is loaded, by threadpoolctl's word or else by the file names of loaded libraries."""
    for pool in pools:
        if pool.get("user_api") == "blas":
            layer = pool.get("threading_layer")
            known = {
                "blas": pool.get("internal_api"),
                "blas_version": pool.get("version"),
                "threading_layer": layer,
            }
            return {**known, "threads": pool.get("num_threads")}
    for start, name in BLAS_FILES:
        if any(os.path.basename(library).startswith(start) for library in loaded_libraries()):
            return {"blas": name}
    return {}


def loaded_libraries() -> list[str]:
    """Return the paths of the shared libraries in this process, as the system lists them."""
    if sys.platform.startswith("linux"):
        with Path("/proc/self/maps").open(encoding="utf-8", errors="replace") as file:
            return sorted({line.split(None, 5)[5].strip() for line in file if len(line.split(None, 5)) == 6})
    if sys.platform == "darwin":
        system = ctypes.CDLL(None)
        system._dyld_get_image_name.restype = ctypes.c_char_p
        names = (system._dyld_get_image_name(index) for index in range(system._dyld_image_count()))
        return [name.decode("utf-8", "replace") for name in names if name]
    if sys.platform == "win32":
        return loaded_dlls()
    return []


def loaded_dlls() -> list[str]:
    """Return the paths of the DLLs in this process (Windows), by EnumProcessModules and GetModuleFileName."""
    kernel32: Any = getattr(ctypes, "WinDLL")("kernel32")  # noqa: B009
    pointer, dword = ctypes.c_void_p, ctypes.c_uint32
    kernel32.GetCurrentProcess.restype = pointer
    kernel32.K32EnumProcessModules.argtypes = (pointer, pointer, dword, pointer)
    kernel32.GetModuleFileNameW.argtypes = (pointer, ctypes.c_wchar_p, dword)
    modules, needed = (pointer * 4096)(), dword()
    size = ctypes.sizeof(modules)
    if not kernel32.K32EnumProcessModules(kernel32.GetCurrentProcess(), modules, size, ctypes.byref(needed)):
        return []
    paths = []
    for module in modules[: min(needed.value, size) // ctypes.sizeof(pointer)]:
        name = ctypes.create_unicode_buffer(32768)
        if kernel32.GetModuleFileNameW(module, name, len(name)):
            paths.append(name.value)
    return sorted(paths)


def fresh_memory(page_faults: int, runs: int) -> Facts:
    """Return the memory that a run got from the system, by its page faults; nothing where there are none."""
    return {"fresh_bytes_per_run": page_faults * mmap.PAGESIZE // runs} if page_faults else {}


def peak_bytes() -> int | None:
    """Return the largest memory this process has held, or None where it is not cheap to know (Windows)."""
    try:
        peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("ascii", "replace"))
    except OSError:
        peak = None
    if peak:
        return int(peak.group(1)) * _BYTES_PER_KIB
    if sys.platform == "win32":
        return None
    import resource

    unit = 1 if sys.platform == "darwin" else _BYTES_PER_KIB
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _plain_facts(facts: Any) -> Facts:
    return {str(key): _plain(value) for key, value in facts.items()} if isinstance(facts, dict) else {}


def _plain(value: Any) -> Any:
    """Return what JSON can carry: numbers finite, anything unknown as its text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return _plain_facts(value)
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return str(value)
