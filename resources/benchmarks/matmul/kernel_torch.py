"""Matrix product with PyTorch: C = A B on the CPU, a CUDA device or Apple's Metal.

setup(params) -> state     operands from a fixed seed, made in the dtype; C is rewritten by each run
run(state)                 CUDA: the seconds between two events on the device; else None, when C is complete
result(state)              (a, b, c), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in place
facts(state) -> dict       device, library, threads, and the switches that decide the precision

float32 means IEEE: TF32 and bfloat16 shortcuts are off. tf32 is float32 operands with TF32 on. float8 is operands of
e4m3 with scale 1, summed in float32 and stored as bfloat16 (torch._scaled_mm, which wants B by columns). The CUDA and
Metal paths have not run on such a device yet.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

DTYPES = {
    "float64": torch.float64,
    "float32": torch.float32,
    "tf32": torch.float32,
    "float16": torch.float16,
    "bfloat16": torch.bfloat16,
    "float8": torch.bfloat16,
}
# TF32 and bfloat16 units exist from Ampere on.
AMPERE, ADA = (8, 0), (8, 9)
SIGN_BIT = 0x80
# Sums in half precision, on CUDA: cuBLAS may use them for speed unless told otherwise.
REDUCED_SUMS = (
    "allow_fp16_reduced_precision_reduction",
    "allow_bf16_reduced_precision_reduction",
    "allow_fp16_accumulation",
)
MILLISECONDS = 1e-3

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and products (and as a batch), the scale of float8, and the events that time a run on CUDA."""

    a: Any
    b: Any
    c: Any
    products: tuple[Any, Any, Any]
    dtype: str
    device: Any
    events: tuple[Any, Any] | None
    scale: Any = None


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    _refuse(dtype, device)
    m, n, k, batch = (params[name] for name in ("m", "n", "k", "batch"))
    if dtype == "float8" and (m % 16 or n % 16 or k % 16 or batch > 1):
        raise NotImplementedError("float8 takes sizes that are multiples of 16, and no batch")
    if params["threads"] is not None:
        torch.set_num_threads(params["threads"])
    _set_precision(dtype)
    generator = torch.Generator(device=device).manual_seed(params["seed"])
    made = {"dtype": DTYPES[dtype], "device": device}
    a = torch.randn((batch * m, k), generator=generator, **made)
    b = torch.randn((batch * k, n), generator=generator, **made)
    c = torch.zeros((batch * m, n), **made)
    products = (a, b, c) if batch == 1 else (a.view(batch, m, k), b.view(batch, k, n), c.view(batch, m, n))
    if dtype != "float8":
        return State(a, b, c, products, dtype, device, _events(device))
    a, b = a.to(torch.float8_e4m3fn), b.t().contiguous().to(torch.float8_e4m3fn).t()
    return State(a, b, c, (a, b, c), dtype, device, _events(device), torch.ones((), device=device))


def run(state: State) -> float | None:
    """Multiply into C and wait for it."""
    if state.events is not None:
        return _run_cuda(state, *state.events)
    _multiply(state)
    if state.device.type == "mps":
        torch.mps.synchronize()
    return None


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B."""
    for matrix, rows in ((state.a, a_rows), (state.b, b_rows)):
        if state.dtype == "float8":  # it has no arithmetic of its own
            matrix.view(torch.uint8)[rows] ^= SIGN_BIT
            continue
        signs = torch.ones((len(matrix), 1), dtype=matrix.dtype)
        signs[rows] = -1
        matrix.mul_(signs.to(matrix.device))


def facts(state: State) -> dict[str, Any]:
    """Say which PyTorch multiplied, where and how."""
    common = {
        "framework": "torch",
        "framework_version": torch.__version__,
        "result_dtype": str(state.c.dtype).replace("torch.", ""),
        "result_device": _device_of(state.c),
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
    return {**common, **_cpu_facts(state.dtype)}


def _multiply(state: State) -> None:
    a, b, c = state.products
    if state.scale is None:
        torch.matmul(a, b, out=c)
    else:
        scales = {"scale_a": state.scale, "scale_b": state.scale}
        torch._scaled_mm(a, b, **scales, out_dtype=torch.bfloat16, out=c)


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


def _refuse(dtype: str, device: Any) -> None:
    if dtype == "float64" and device.type == "mps":
        raise NotImplementedError("Metal has no float64; use float32")
    if dtype == "tf32" and device.type != "cuda":
        raise NotImplementedError("tf32 exists on CUDA devices only")
    if dtype == "float8" and (device.type == "mps" or not hasattr(torch, "_scaled_mm")):
        raise NotImplementedError("this PyTorch has no product of float8 there")
    nvidia = device.type == "cuda" and getattr(torch.version, "hip", None) is None
    if nvidia and dtype in ("tf32", "bfloat16") and torch.cuda.get_device_capability(device) < AMPERE:
        raise NotImplementedError(f"{dtype} needs a CUDA device of compute capability 8.0 or later")
    if nvidia and dtype == "float8" and torch.cuda.get_device_capability(device) < ADA:
        raise NotImplementedError("float8 needs a CUDA device of compute capability 8.9 or later")


def _set_precision(dtype: str) -> None:
    """Turn every shortcut off but the one asked for, by the interface of 2.9 or the older one, never both."""
    matmul = torch.backends.cuda.matmul
    for name in REDUCED_SUMS:
        if hasattr(matmul, name):
            setattr(matmul, name, False)
    if _has_fp32_precision():
        matmul.fp32_precision = "tf32" if dtype == "tf32" else "ieee"
        torch.backends.mkldnn.matmul.fp32_precision = "ieee"
        return
    torch.set_float32_matmul_precision("highest")
    matmul.allow_tf32 = dtype == "tf32"


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
    _multiply(state)
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
        "blas": "cublas" if hip is None else "hipblas",
    }


def _cpu_facts(dtype: str) -> dict[str, Any]:
    """Name the library that multiplies this dtype, from PyTorch's own description of its build."""
    built = torch.__config__.show()
    if dtype in ("float16", "bfloat16"):
        name, pattern = ("onednn", r"MKL-DNN v(\S+)") if _onednn_does(dtype) else ("aten", r"TORCH_VERSION=([^,\s]+)")
    else:
        info = re.search(r"BLAS_INFO=(\w+)", built)
        name = {"open": "openblas"}.get(info.group(1), info.group(1)) if info else "unknown"
        pattern = r"Math Kernel Library Version (\S+?)-" if name == "mkl" else r"(?!)"
    version = re.search(pattern, built)
    return {
        "device_kind": "cpu",
        "blas": name,
        "blas_version": version.group(1) if version else None,
        "threading_layer": "openmp",
    }


def _onednn_does(dtype: str) -> bool:
    """Say whether oneDNN has this dtype on this CPU; without it PyTorch multiplies in plain loops."""
    asked = {"bfloat16": "_is_mkldnn_bf16_supported", "float16": "_is_mkldnn_fp16_supported"}[dtype]
    try:
        return bool(torch.backends.mkldnn.is_available() and getattr(torch.ops.mkldnn, asked)())
    except (AttributeError, RuntimeError):
        return False
