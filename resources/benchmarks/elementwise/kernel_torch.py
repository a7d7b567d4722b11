"""A chain of elementwise operations with PyTorch: y = exp(x + z) x + z, on the CPU, a CUDA device or Apple's Metal.

setup(params) -> state     x and z from a fixed seed, made in the dtype; y is rewritten by each run
run(state)                 CUDA: the seconds between two events on the device; else None, when y is complete
result(state)              (x, z, y), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, x_rows, z_rows)  changes the sign of those rows, in place
facts(state) -> dict       device, threads, and the result's dtype and place

Eager, as PyTorch is by default: one pass over the arrays for each operation, into y, without the temporaries of the
bare expression. torch.compile would fuse them, but needs a C++ compiler on a CPU and Triton on CUDA, which an
environment need not have; torch.addcmul would spare one pass of four. The CUDA and Metal paths have not run on such a
device yet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
}
COLUMNS = 1024
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, the device, and the events that time a run on CUDA."""

    x: Any
    z: Any
    y: Any
    device: Any
    events: tuple[Any, Any] | None


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    _refuse(dtype, device)
    if params["threads"] is not None:
        torch.set_num_threads(params["threads"])
    generator = torch.Generator(device=device).manual_seed(params["seed"])
    x, z = (_uniform(generator, params["n"], dtype, device) for _ in range(2))
    return State(x, z, torch.zeros_like(x), device, _events(device))


def run(state: State) -> float | None:
    """Compute y and wait for it."""
    if state.events is not None:
        return _run_cuda(state, *state.events)
    _compute(state)
    if state.device.type == "mps":
        torch.mps.synchronize()
    return None


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return x, z and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.z), _rows(state.y)


def flip(state: State, x_rows: list[int], z_rows: list[int]) -> None:
    """Change the sign of these rows of x and of z."""
    for array, rows in ((state.x, x_rows), (state.z, z_rows)):
        matrix = array.view(-1, COLUMNS)
        signs = torch.ones((len(matrix), 1), dtype=matrix.dtype)
        signs[rows] = -1
        matrix.mul_(signs.to(matrix.device))


def facts(state: State) -> dict[str, Any]:
    """Say which PyTorch computes, and where."""
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
        return {**common, "device_kind": "metal", "device_name": "Apple GPU"}
    return {**common, "device_kind": "cpu", "threading_layer": "openmp"}


def _compute(state: State) -> None:
    torch.add(state.x, state.z, out=state.y)
    state.y.exp_().mul_(state.x).add_(state.z)


def _device(text: str) -> Any:
    kind, index = text.split(":")
    if kind == "metal":
        if not torch.backends.mps.is_available():
            raise LookupError("this PyTorch sees no Metal device")
        return torch.device("mps")
    if kind == "cuda":
        if not torch.cuda.is_available():
            built = torch.version.cuda is not None or getattr(torch.version, "hip", None) is not None
            raise LookupError("PyTorch sees no usable CUDA device" if built else "this PyTorch is built without CUDA")
        if int(index) >= torch.cuda.device_count():
            raise LookupError(f"there is no {text}: PyTorch sees {torch.cuda.device_count()} CUDA devices")
        torch.cuda.set_device(int(index))
        return torch.device("cuda", int(index))
    return torch.device("cpu")


def _device_of(array: Any) -> str:
    """Return where an array lies, in the words of a trial."""
    kind = {"mps": "metal"}.get(array.device.type, array.device.type)
    return f"{kind}:{array.device.index or 0}"


def _refuse(dtype: str, device: Any) -> None:
    if dtype not in DTYPES:
        raise NotImplementedError(f"PyTorch has no arithmetic of {dtype}")
    if dtype == "float64" and device.type == "mps":
        raise NotImplementedError("Metal has no float64; use float32")


def _uniform(generator: Any, n: int, dtype: str, device: Any) -> Any:
    """Make values between -1 and 1."""
    made = torch.float64 if dtype == "float64" else torch.float32
    values = torch.rand(n, generator=generator, dtype=made, device=device)
    return values.mul_(2).sub_(1).to(DTYPES[dtype])


def _events(device: Any) -> tuple[Any, Any] | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)


def _run_cuda(state: State, begin: Any, end: Any) -> float:
    begin.record()
    _compute(state)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * MILLISECONDS


def _rows(array: Any) -> Rows:
    # To the CPU first: Metal has no float64.
    matrix = array.view(-1, COLUMNS)
    return lambda start, stop: matrix[start:stop].cpu().to(torch.float64).numpy()


def _cuda_facts(device: Any) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(device)
    return {
        "device_kind": "cuda",
        "device_name": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda or f"rocm {getattr(torch.version, 'hip', None)}",
    }
