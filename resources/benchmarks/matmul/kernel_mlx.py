"""Matrix product with MLX: C = A B on Apple's Metal, a CUDA device or the CPU.

setup(params) -> state     operands from a fixed seed, made as float32 and cast
run(state) -> None         drops the old C, makes a new one and waits for it (eval, synchronize)
result(state)              (a, b, c), each rows(start, stop) -> those rows as float64 or float32
flip(state, rows)          replaces A by itself with those rows' signs changed
facts(state) -> dict       device, precision

MLX computes float32 products at reduced precision by default where the hardware has units for it;
MLX_ENABLE_TF32=0, set before MLX is loaded, means IEEE (MLX documentation, "Numerical Precision"). Run on a
CPU only so far, not on Metal or CUDA.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ["MLX_ENABLE_TF32"] = "0"

import mlx.core as mx

DTYPES = {"float64": mx.float64, "float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and product, and the device's kind."""

    a: Any
    b: Any
    c: Any
    kind: str


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    kind = _device(params["device"])
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("MLX has no {} here; use float32 or float16".format(params["dtype"]))
    if params["dtype"] == "float64" and kind != "cpu":
        raise NotImplementedError("MLX has float64 on the CPU only")
    key_a, key_b = mx.random.split(mx.random.key(params["seed"]))
    dtype = DTYPES[params["dtype"]]
    a = mx.random.normal((params["m"], params["k"]), key=key_a).astype(dtype)
    b = mx.random.normal((params["k"], params["n"]), key=key_b).astype(dtype)
    mx.eval(a, b)
    return State(a, b, None, kind)


def run(state: State) -> None:
    """Multiply and wait."""
    state.c = None
    state.c = mx.matmul(state.a, state.b)
    mx.eval(state.c)
    mx.synchronize()


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of A; C goes first, so that no fourth matrix is held."""
    state.c = None
    chosen = set(rows)
    signs = mx.array([[-1.0 if row in chosen else 1.0] for row in range(state.a.shape[0])], dtype=state.a.dtype)
    state.a = state.a * signs
    mx.eval(state.a)


def facts(state: State) -> dict[str, Any]:
    """Say which MLX multiplies, and where."""
    common = {
        "framework": "mlx",
        "framework_version": mx.__version__,
        "device_kind": state.kind,
        "product_device": str(mx.default_device()),
        "product_dtype": str(state.a.dtype).replace("mlx.core.", ""),
        "tensor_float_32": os.environ.get("MLX_ENABLE_TF32") != "0",
    }
    if state.kind == "cpu":
        return common
    return {
        **common,
        "device_name": _device_name(),
        "blas": "mlx metal" if state.kind == "metal" else "cublas",
    }


def _device(text: str) -> str:
    kind, index = text.split(":")
    backend = getattr(mx, kind, None)
    if kind == "cpu":
        mx.set_default_device(mx.cpu)
    elif backend is None or not backend.is_available() or int(index) >= _gpu_count():
        raise LookupError(f"this MLX sees no device {text}")
    else:
        mx.set_default_device(mx.Device(mx.gpu, int(index)))
    return kind


def _gpu_count() -> int:
    count = getattr(mx, "device_count", None)
    return int(count(mx.gpu)) if count else 1


def _device_name() -> Any:
    for described in (getattr(mx, "device_info", None), getattr(mx.metal, "device_info", None)):
        if described is not None:
            return described().get("device_name")
    return None


def _rows(matrix: Any) -> Rows:
    wide = mx.float64 if matrix.dtype == mx.float64 else mx.float32

    def rows(start: int, stop: int) -> Any:
        block = matrix[start:stop].astype(wide)
        mx.eval(block)
        return block

    return rows
