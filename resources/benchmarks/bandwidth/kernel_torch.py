"""STREAM's triad with PyTorch: a = b + 3 c in one operation, on the CPU, a CUDA device or Apple's Metal.

setup(params) -> state     b and c from a fixed seed, made in the dtype; a is rewritten by each run
run(state)                 CUDA: the seconds between two events on the device; else None, when a is complete
result(state)              (b, c, a), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, b_rows, c_rows)  changes the sign of those rows, in place
facts(state) -> dict       device, threads, and the result's dtype and place

torch.add has a factor (alpha), so that three arrays move and nothing else. The CUDA and Metal paths have not run on
such a device yet.
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
SCALE = 3
# b + 3 c has two bits more than these whole numbers, which the dtype still holds: exact with or without FMA.
BITS = {"float64": 50, "float32": 21, "float16": 9, "bfloat16": 6}
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, the device, and the events that time a run on CUDA."""

    b: Any
    c: Any
    a: Any
    device: Any
    events: tuple[Any, Any] | None


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    _refuse(dtype, device)
    if params["threads"] is not None:
        torch.set_num_threads(params["threads"])
    generator = torch.Generator(device=device).manual_seed(params["seed"])
    b, c = (_whole(generator, params["n"], dtype, device) for _ in range(2))
    return State(b, c, torch.zeros_like(b), device, _events(device))


def run(state: State) -> float | None:
    """Compute a and wait for it."""
    if state.events is not None:
        return _run_cuda(state, *state.events)
    _compute(state)
    if state.device.type == "mps":
        torch.mps.synchronize()
    return None


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return b, c and a as readers of float64 rows."""
    return _rows(state.b), _rows(state.c), _rows(state.a)


def flip(state: State, b_rows: list[int], c_rows: list[int]) -> None:
    """Change the sign of these rows of b and of c."""
    for array, rows in ((state.b, b_rows), (state.c, c_rows)):
        matrix = array.view(-1, COLUMNS)
        signs = torch.ones((len(matrix), 1), dtype=matrix.dtype)
        signs[rows] = -1
        matrix.mul_(signs.to(matrix.device))


def facts(state: State) -> dict[str, Any]:
    """Say which PyTorch computes, and where."""
    common = {
        "framework": "torch",
        "framework_version": torch.__version__,
        "result_dtype": str(state.a.dtype).replace("torch.", ""),
        "result_device": _device_of(state.a),
        "threads": torch.get_num_threads(),
    }
    if state.device.type == "cuda":
        return {**common, **_cuda_facts(state.device)}
    if state.device.type == "mps":
        return {**common, "device_kind": "metal", "device_name": "Apple GPU"}
    return {**common, "device_kind": "cpu", "threading_layer": "openmp"}


def _compute(state: State) -> None:
    torch.add(state.b, state.c, alpha=SCALE, out=state.a)


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


def _whole(generator: Any, n: int, dtype: str, device: Any) -> Any:
    """Make random whole numbers from -2**bits on, times 2**-bits: between -1 and 1."""
    made, half = torch.float64 if dtype == "float64" else torch.float32, 2.0 ** BITS[dtype]
    values = torch.rand(n, generator=generator, dtype=made, device=device)
    values.mul_(2.0 * half).floor_().sub_(half).div_(half)
    return values.to(DTYPES[dtype])


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
