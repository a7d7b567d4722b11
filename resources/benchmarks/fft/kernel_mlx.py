"""Fourier transform with MLX: y = F x on Apple's Metal, in float32.

setup(params) -> state   x from a fixed seed
run(state) -> None       drops the old y, makes a new one and waits for it (eval, synchronize)
result(state)            (x, y), each rows(start, stop) -> those rows of 1024 points as float32, (re, im) side by side
flip(state, rows)        replaces x by itself with those rows' signs changed
facts(state) -> dict     device and type

Metal has no float64. MLX transforms 2^24 points at most, and takes its roots of unity from Metal's fast sine and cosine
of float32 angles, whose accuracy Apple does not promise beyond 2^-11: whether it stays in the check's tolerance for
float32 has not been seen. Not yet run on Metal.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mlx.core as mx

ROW = 1024
DEVICES = {mx.gpu: "metal:0", mx.cpu: "cpu:0"}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Points as pairs, rows by 2048, and as n or m by n complex numbers; bins."""

    pairs: Any
    x: Any
    y: Any


def setup(params: dict[str, Any]) -> State:
    """Make the points; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    _use(params["device"])
    if params["dtype"] != "float32":
        raise NotImplementedError("MLX has no transform of {} on Metal; use float32".format(params["dtype"]))
    m, n = params["m"], params["n"]
    pairs = mx.random.normal((m * n // ROW, 2 * ROW), key=mx.random.key(params["seed"]))
    return State(pairs, _complex(pairs, (n,) if m == 1 else (m, n)), None)


def run(state: State) -> None:
    """Transform and wait."""
    state.y = None
    state.y = mx.fft.fftn(state.x)
    mx.eval(state.y)
    mx.synchronize()


def result(state: State) -> tuple[Rows, Rows]:
    """Return x and y as readers of rows; there is a y to read after a run."""
    return _rows(state.pairs), lambda start, stop: _rows(mx.view(state.y.reshape(-1, ROW), mx.float32))(start, stop)


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of x; y goes first, so that no third array is held."""
    state.y, shape = None, state.x.shape
    chosen = set(rows)
    signs = mx.array([[-1.0 if row in chosen else 1.0] for row in range(state.pairs.shape[0])])
    state.pairs = state.pairs * signs
    state.x = _complex(state.pairs, shape)


def facts(state: State) -> dict[str, Any]:
    """Say which MLX transforms, and what y is and where (None before the first run).

    An array of MLX lies in memory that all devices share: its device is the one that computed it.
    """
    return {
        "framework": "mlx",
        "framework_version": mx.__version__,
        "device_kind": "metal",
        "device_name": mx.device_info().get("device_name"),
        "result_device": DEVICES[mx.default_device().type],
        "result_dtype": None if state.y is None else str(state.y.dtype).replace("mlx.core.", ""),
        "library": "mlx metal",
        "library_version": mx.__version__,
    }


def _use(device: str) -> None:
    if device != "metal:0" or not mx.metal.is_available():
        raise LookupError(f"this MLX sees no device {device}; it computes on metal:0")
    mx.set_default_device(mx.gpu)


def _complex(pairs: Any, shape: Any) -> Any:
    x = mx.view(pairs, mx.complex64).reshape(shape)
    mx.eval(pairs, x)
    return x


def _rows(pairs: Any) -> Rows:
    def rows(start: int, stop: int) -> Any:
        block = pairs[start:stop]
        mx.eval(block)
        return block

    return rows
