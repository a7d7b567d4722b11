"""Fourier transform with PyTorch: y = F x on the CPU, a CUDA device or Apple's Metal.

setup(params) -> state   x from a fixed seed, made in the dtype
run(state)               CUDA: the seconds between two events on the device; else None, when y is complete
result(state)            (x, y), each rows(start, stop) -> those rows of 1024 points as float64, (re, im) side by side
flip(state, rows)        changes the sign of those rows of x, in place
facts(state) -> dict     library, type, device and threads

Each run drops the old y and makes a new one: with out= PyTorch transforms into a new array too, and copies it (measured
on the CPU). CUDA's memory and plans come from PyTorch's caches. The CUDA and Metal paths have not run on such a device
yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

DTYPES = {"float64": torch.float64, "float32": torch.float32}
ROW = 1024
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Points as pairs, rows by 2048, and as n or m by n complex numbers in the same memory; bins; CUDA's events."""

    pairs: Any
    x: Any
    y: Any
    device: Any
    events: tuple[Any, Any] | None


def setup(params: dict[str, Any]) -> State:
    """Make the points; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"PyTorch has no transform of {dtype} here; use float64 or float32")
    if dtype == "float64" and device.type == "mps":
        raise NotImplementedError("Metal has no float64; use float32")
    if params["threads"] is not None:
        torch.set_num_threads(params["threads"])
    m, n = params["m"], params["n"]
    generator = torch.Generator(device=device).manual_seed(params["seed"])
    pairs = torch.randn((m * n // ROW, 2 * ROW), generator=generator, dtype=DTYPES[dtype], device=device)
    x = torch.view_as_complex(pairs.view((n, 2) if m == 1 else (m, n, 2)))
    return State(pairs, x, torch.zeros_like(x), device, _events(device))


def run(state: State) -> float | None:
    """Transform into a new y and wait for it."""
    state.y = None
    if state.events is not None:
        return _run_cuda(state, *state.events)
    state.y = torch.fft.fftn(state.x)
    if state.device.type == "mps":
        torch.mps.synchronize()
    return None


def result(state: State) -> tuple[Rows, Rows]:
    """Return x and y as readers of float64 rows."""
    return _rows(state.pairs), _rows(torch.view_as_real(state.y).reshape(-1, 2 * ROW))


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of x."""
    signs = torch.ones((len(state.pairs), 1), dtype=state.pairs.dtype)
    signs[rows] = -1
    state.pairs.mul_(signs.to(state.device))


def facts(state: State) -> dict[str, Any]:
    """Say which PyTorch transforms, where and how."""
    common = {
        "framework": "torch",
        "framework_version": torch.__version__,
        "result_dtype": str(state.y.dtype).replace("torch.", ""),
        "result_device": _device_of(state.y),
        "threads": torch.get_num_threads(),
    }
    if state.device.type == "cuda":
        return {**common, **_cuda_facts(state.device)}
    if state.device.type == "mps":
        return {**common, "device_kind": "metal", "device_name": "Apple GPU", "library": "mpsgraph"}
    return {**common, **_cpu_facts()}


def _device(text: str) -> Any:
    kind, index = text.split(":")
    if kind == "metal":
        if not torch.backends.mps.is_available():
            raise LookupError("this PyTorch sees no Metal device")
        return torch.device("mps")
    if kind == "cuda":
        if not torch.cuda.is_available():
            hip = getattr(torch.version, "hip", None) is not None
            built = torch.version.cuda is not None or hip
            seen = f"PyTorch sees no usable {'ROCm' if hip else 'CUDA'} device"
            raise LookupError(seen if built else "this PyTorch is built without CUDA")
        if int(index) >= torch.cuda.device_count():
            raise LookupError(f"there is no {text}: PyTorch sees {torch.cuda.device_count()} CUDA devices")
        torch.cuda.set_device(int(index))
        return torch.device("cuda", int(index))
    return torch.device("cpu")


def _device_of(array: Any) -> str:
    """Return where an array lies, in the words of a trial."""
    kind = {"mps": "metal"}.get(array.device.type, array.device.type)
    return f"{kind}:{array.device.index or 0}"


def _events(device: Any) -> tuple[Any, Any] | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)


def _run_cuda(state: State, begin: Any, end: Any) -> float:
    begin.record()
    state.y = torch.fft.fftn(state.x)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * MILLISECONDS


def _rows(pairs: Any) -> Rows:
    # To the CPU first: Metal has no float64.
    return lambda start, stop: pairs[start:stop].cpu().to(torch.float64).numpy()


def _cuda_facts(device: Any) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(device)
    hip = getattr(torch.version, "hip", None)
    return {
        "device_kind": "cuda",
        "device_name": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda or f"rocm {hip}",
        "library": "cufft" if hip is None else "hipfft",
    }


def _cpu_facts() -> dict[str, Any]:
    """Name the library: MKL where PyTorch is built with it, else the pocketfft that it carries."""
    mkl = torch.backends.mkl.is_available()
    version = re.search(r"Math Kernel Library Version (\S+?)-", torch.__config__.show()) if mkl else None
    return {
        "device_kind": "cpu",
        "library": "mkl" if mkl else "pocketfft",
        "library_version": version.group(1) if version else torch.__version__,
        "threading_layer": "openmp",
    }
