"""A chain of elementwise operations with MLX: y = exp(x + z) x + z on Apple's Metal.

setup(params) -> state     x and z from a fixed seed, made as float32 and cast
run(state) -> None         drops the old y, makes a new one and waits for it (eval, synchronize)
result(state)              (x, z, y), each rows(start, stop) -> those rows of 1024 elements as float32
flip(state, x_rows, z_rows)  replaces both by themselves with those rows' signs changed
facts(state) -> dict       device and type of the result

As MLX computes by default: lazily, but one kernel for each operation, in a temporary's memory. mx.compile would fuse
them. Metal has no float64. Not yet run on Metal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}
DEVICES = {mx.gpu: "metal:0", mx.cpu: "cpu:0"}
COLUMNS = 1024

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, as rows of 1024 elements."""

    x: Any
    z: Any
    y: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    _use(params["device"])
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("MLX has no {} on Metal; use float32 or float16".format(params["dtype"]))
    x, z = (_uniform(key, params["n"], params["dtype"]) for key in mx.random.split(mx.random.key(params["seed"])))
    return State(x, z, None)


def run(state: State) -> None:
    """Compute y and wait."""
    state.y = None
    state.y = mx.exp(state.x + state.z) * state.x + state.z
    mx.eval(state.y)
    mx.synchronize()


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return x, z and y as readers of rows."""
    return _rows(state.x), _rows(state.z), _rows(state.y)


def flip(state: State, x_rows: list[int], z_rows: list[int]) -> None:
    """Change the sign of these rows of x and of z; y goes first, so that no fourth array is held."""
    state.y = None
    state.x = _changed(state.x, x_rows)
    state.z = _changed(state.z, z_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which MLX computes, and what the result is and where (None before the first run).

    An array of MLX lies in memory that all devices share: its device is the one that computed it.
    """
    return {
        "framework": "mlx",
        "framework_version": mx.__version__,
        "device_kind": "metal",
        "device_name": mx.device_info().get("device_name"),
        "result_device": DEVICES[mx.default_device().type],
        "result_dtype": None if state.y is None else str(state.y.dtype).replace("mlx.core.", ""),
    }


def _use(device: str) -> None:
    if device != "metal:0" or not mx.metal.is_available():
        raise LookupError(f"this MLX sees no device {device}; it computes on metal:0")
    mx.set_default_device(mx.gpu)


def _uniform(key: Any, n: int, dtype: str) -> Any:
    """Make values between -1 and 1."""
    values = mx.random.uniform(-1.0, 1.0, shape=(n // COLUMNS, COLUMNS), key=key).astype(DTYPES[dtype])
    mx.eval(values)
    return values


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
