"""STREAM's triad with MLX: a = b + 3 c, fused by mx.compile, on Apple's Metal.

setup(params) -> state     b and c from a fixed seed, made as float32 and cast
run(state) -> None         drops the old a, makes a new one and waits for it (eval, synchronize)
result(state)              (b, c, a), each rows(start, stop) -> those rows of 1024 elements as float32
flip(state, b_rows, c_rows)  replaces both by themselves with those rows' signs changed
facts(state) -> dict       device and type of the result

Without mx.compile MLX multiplies and adds in two kernels, which moves five arrays. Metal has no float64. Not yet run on
Metal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

DTYPES = {"float32": mx.float32, "float16": mx.float16, "bfloat16": mx.bfloat16}
DEVICES = {mx.gpu: "metal:0", mx.cpu: "cpu:0"}
COLUMNS = 1024
SCALE = 3
# b + 3 c has two bits more than these whole numbers, which the dtype still holds: exact with or without FMA.
BITS = {"float32": 21, "float16": 9, "bfloat16": 6}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, as rows of 1024 elements, and the compiled triad."""

    b: Any
    c: Any
    a: Any
    triad: Callable[[Any, Any], Any]


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    _use(params["device"])
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("MLX has no {} on Metal; use float32 or float16".format(params["dtype"]))
    b, c = (_whole(key, params["n"], params["dtype"]) for key in mx.random.split(mx.random.key(params["seed"])))
    return State(b, c, None, mx.compile(_triad))


def run(state: State) -> None:
    """Compute a and wait."""
    state.a = None
    state.a = state.triad(state.b, state.c)
    mx.eval(state.a)
    mx.synchronize()


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return b, c and a as readers of rows."""
    return _rows(state.b), _rows(state.c), _rows(state.a)


def flip(state: State, b_rows: list[int], c_rows: list[int]) -> None:
    """Change the sign of these rows of b and of c; a goes first, so that no fourth array is held."""
    state.a = None
    state.b = _changed(state.b, b_rows)
    state.c = _changed(state.c, c_rows)


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
        "result_dtype": None if state.a is None else str(state.a.dtype).replace("mlx.core.", ""),
    }


def _triad(b: Any, c: Any) -> Any:
    return b + SCALE * c


def _use(device: str) -> None:
    if device != "metal:0" or not mx.metal.is_available():
        raise LookupError(f"this MLX sees no device {device}; it computes on metal:0")
    mx.set_default_device(mx.gpu)


def _whole(key: Any, n: int, dtype: str) -> Any:
    """Make random whole numbers from -2**bits on, times 2**-bits: between -1 and 1."""
    half = 2.0 ** BITS[dtype]
    values = mx.random.uniform(shape=(n // COLUMNS, COLUMNS), key=key)
    values = ((mx.floor(values * (2.0 * half)) - half) / half).astype(DTYPES[dtype])
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
