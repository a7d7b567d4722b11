"""Matrix product with MLX: C = A B on Apple's Metal.

setup(params) -> state     operands from a fixed seed, made as float32 and cast
run(state) -> None         drops the old C, makes a new one and waits for it (eval, synchronize)
result(state)              (a, b, c), each rows(start, stop) -> those rows as float32
flip(state, a_rows, b_rows)  replaces both by themselves with those rows' signs changed
facts(state) -> dict       device and type of the product, precision

MLX computes float32 products at reduced precision by default where the hardware has units for it;
MLX_ENABLE_TF32=0, set before MLX is loaded, means IEEE (MLX documentation, "Numerical Precision"). Metal has no
float64. Not yet run on Metal.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

os.environ["MLX_ENABLE_TF32"] = "0"

import mlx.core as mx

DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}
DEVICES = {mx.gpu: "metal:0", mx.cpu: "cpu:0"}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and product."""

    a: Any
    b: Any
    c: Any
    batch: int


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    _use(params["device"])
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("MLX has no {} on Metal; use float32 or float16".format(params["dtype"]))
    key_a, key_b = mx.random.split(mx.random.key(params["seed"]))
    dtype = DTYPES[params["dtype"]]
    a = mx.random.normal((params["batch"] * params["m"], params["k"]), key=key_a).astype(dtype)
    b = mx.random.normal((params["batch"] * params["k"], params["n"]), key=key_b).astype(dtype)
    mx.eval(a, b)
    return State(a, b, None, params["batch"])


def run(state: State) -> None:
    """Multiply and wait."""
    state.c = None
    state.c = _product(state)
    mx.eval(state.c)
    mx.synchronize()


def _product(state: State) -> Any:
    if state.batch == 1:
        return mx.matmul(state.a, state.b)
    a, b = (matrix.reshape(state.batch, -1, matrix.shape[1]) for matrix in (state.a, state.b))
    return mx.matmul(a, b).reshape(state.a.shape[0], -1)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B; C goes first, so that no fourth matrix is held."""
    state.c = None
    state.a, state.b = _changed(state.a, a_rows), _changed(state.b, b_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which MLX multiplies, and what the product is and where (None before the first run).

    An array of MLX lies in memory that all devices share: its device is the one that computed it.
    """
    return {
        "framework": "mlx",
        "framework_version": mx.__version__,
        "device_kind": "metal",
        "device_name": mx.device_info().get("device_name"),
        "result_device": DEVICES[mx.default_device().type],
        "result_dtype": None if state.c is None else str(state.c.dtype).replace("mlx.core.", ""),
        "float32_precision": "ieee" if os.environ.get("MLX_ENABLE_TF32") == "0" else "tf32",
        "blas": "mlx metal",
        "blas_version": mx.__version__,
    }


def _use(device: str) -> None:
    if device != "metal:0" or not mx.metal.is_available():
        raise LookupError(f"this MLX sees no device {device}; it computes on metal:0")
    mx.set_default_device(mx.gpu)


def _changed(matrix: Any, rows: list[int]) -> Any:
    chosen = set(rows)
    signs = mx.array([[-1.0 if row in chosen else 1.0] for row in range(matrix.shape[0])], dtype=matrix.dtype)
    changed = matrix * signs
    mx.eval(changed)
    return changed


def _rows(matrix: Any) -> Rows:
    def rows(start: int, stop: int) -> Any:
        block = matrix[start:stop].astype(mx.float32)
        mx.eval(block)
        return block

    return rows
