"""A = L L^T with PyTorch: torch.linalg.cholesky on the CPU, a CUDA device or Apple's Metal.

setup(params) -> state     symmetric A from a fixed seed, uniform in +-0.5, sqrt(n) + 1.5 more on its diagonal; L is
                           replaced by each run
run(state)                 factorises anew; CUDA: the seconds between two events; else None, when L is complete
result(state)              (a, factor), each rows(start, stop) -> those rows as float64
flip(state, a_rows)        changes the sign of those rows and columns, in place
facts(state) -> dict       device, library, threads, and the switches that decide the precision

PyTorch factorises a copy of A with LAPACK's potrf (CPU) or cuSOLVER's or MAGMA's (CUDA), and writes zeros above its
diagonal: part of the run.
float32 means IEEE: TF32 and bfloat16 shortcuts are off. The CUDA and Metal paths have not run on such a device yet;
Metal needs a PyTorch that has the operation there.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

DTYPES = {"float64": torch.float64, "float32": torch.float32}
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operand and factor, and the events that time a run on CUDA."""

    a: Any
    factor: Any
    device: Any
    events: tuple[Any, Any] | None


def setup(params: dict[str, Any]) -> State:
    """Make the operand; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    device = _device(params["device"])
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("PyTorch factorises in float64 or float32, not in {}".format(params["dtype"]))
    if params["dtype"] == "float64" and device.type == "mps":
        raise NotImplementedError("Metal has no float64; use float32")
    if params["threads"] is not None:
        torch.set_num_threads(params["threads"])
    _set_precision()
    generator, n = torch.Generator(device=device).manual_seed(params["seed"]), params["n"]
    made = {"dtype": DTYPES[params["dtype"]], "device": device}
    drawn = torch.rand((n, n), generator=generator, **made).sub_(0.5)
    diagonal = drawn.diagonal() + (math.sqrt(n) + 1.5)
    drawn = drawn.tril_(-1)
    a = drawn + drawn.T
    a.diagonal().copy_(diagonal)
    return State(a, drawn, device, _events(device))


def run(state: State) -> float | None:
    """Factorise A and wait for L."""
    if state.events is not None:
        return _run_cuda(state, *state.events)
    _factorise(state)
    if state.device.type == "mps":
        torch.mps.synchronize()
    return None


def result(state: State) -> tuple[Rows, Rows]:
    """Return A and L as readers of float64 rows."""
    return _rows(state.a), _rows(state.factor)


def flip(state: State, a_rows: list[int]) -> None:
    """Change the sign of these rows of A and of the same columns."""
    signs = torch.ones((len(state.a), 1), dtype=state.a.dtype)
    signs[a_rows] = -1
    signs = signs.to(state.a.device)
    state.a.mul_(signs).mul_(signs.T)


def facts(state: State) -> dict[str, Any]:
    """Say which PyTorch factorised, where and how."""
    common = {
        "framework": "torch",
        "framework_version": torch.__version__,
        "result_dtype": str(state.factor.dtype).replace("torch.", ""),
        "result_device": _device_of(state.factor),
        "threads": torch.get_num_threads(),
        "float32_precision": _float32_precision(state.device),
    }
    if state.device.type == "cuda":
        return {**common, **_cuda_facts(state.device)}
    if state.device.type == "mps":
        return {
            **common,
            "device_kind": "metal",
            "device_name": "Apple GPU",
            "blas": "metal performance shaders",
        }
    return {**common, **_cpu_facts()}


def _factorise(state: State) -> None:
    state.factor = torch.linalg.cholesky(state.a)


def _device(text: str) -> Any:
    kind, index = text.split(":")
    if kind == "metal":
        if not torch.backends.mps.is_available():
            raise LookupError("this PyTorch sees no Metal device")
        return torch.device("mps")
    if kind == "cuda":
        if not torch.cuda.is_available():
            built = (
                "this PyTorch is built without CUDA"
                if torch.version.cuda is None
                else "PyTorch sees no usable CUDA device"
            )
            raise LookupError(
                built if getattr(torch.version, "hip", None) is None else "PyTorch sees no usable ROCm device"
            )
        if int(index) >= torch.cuda.device_count():
            raise LookupError(f"there is no {text}: PyTorch sees {torch.cuda.device_count()} CUDA devices")
        torch.cuda.set_device(int(index))
        return torch.device("cuda", int(index))
    return torch.device("cpu")


def _device_of(matrix: Any) -> str:
    """Return where a matrix lies, in the words of a trial."""
    kind = {"mps": "metal"}.get(matrix.device.type, matrix.device.type)
    return f"{kind}:{matrix.device.index or 0}"


def _set_precision() -> None:
    """Turn every shortcut off, by the interface of PyTorch 2.9 or the older one, never both."""
    matmul = torch.backends.cuda.matmul
    if _has_fp32_precision():
        matmul.fp32_precision = "ieee"
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"
        return
    torch.set_float32_matmul_precision("highest")
    matmul.allow_tf32 = False


def _has_fp32_precision() -> bool:
    try:
        return bool(torch.backends.cuda.matmul.fp32_precision and torch.backends.mkldnn.matmul.fp32_precision)
    except AttributeError:
        return False


def _float32_precision(device: Any) -> str:
    """Say how float32 is multiplied there: ieee, tf32, or a shortcut by PyTorch's own name."""
    matmul = torch.backends.cuda.matmul
    if _has_fp32_precision():
        backend = torch.backends.mkldnn.matmul if device.type == "cpu" else matmul
        return str(backend.fp32_precision)
    if device.type == "cuda":
        return "tf32" if matmul.allow_tf32 else "ieee"
    setting = torch.get_float32_matmul_precision()
    return "ieee" if setting == "highest" else str(setting)


def _events(device: Any) -> tuple[Any, Any] | None:
    if device.type != "cuda":
        return None
    return torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)


def _run_cuda(state: State, begin: Any, end: Any) -> float:
    begin.record()
    _factorise(state)
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * MILLISECONDS


def _rows(matrix: Any) -> Rows:
    # To the CPU first: Metal has no float64.
    return lambda start, stop: matrix[start:stop].cpu().to(torch.float64).numpy()


def _cuda_facts(device: Any) -> dict[str, Any]:
    properties = torch.cuda.get_device_properties(device)
    hip = getattr(torch.version, "hip", None)
    return {
        "device_kind": "cuda",
        "device_name": properties.name,
        "compute_capability": f"{properties.major}.{properties.minor}",
        "cuda": torch.version.cuda or f"rocm {hip}",
        "blas": "cusolver" if hip is None else "hipsolver",
    }


def _cpu_facts() -> dict[str, Any]:
    """Name the library that has LAPACK, from PyTorch's own description of its build."""
    built = torch.__config__.show()
    info = re.search(r"BLAS_INFO=(\w+)", built)
    name = {"open": "openblas"}.get(info.group(1), info.group(1)) if info else "unknown"
    version = re.search(r"Math Kernel Library Version (\S+?)-", built) if name == "mkl" else None
    return {
        "device_kind": "cpu",
        "blas": name,
        "blas_version": version.group(1) if version else None,
        "threading_layer": "openmp",
    }
