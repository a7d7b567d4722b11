"""A chain of elementwise operations with JAX: y = exp(x + z) x + z, fused by XLA, on the CPU or a CUDA device.

setup(params) -> state     x and z from a fixed seed, made in float64 or float32 and cast
run(state) -> None         makes a new y in the old one's memory and waits for it (block_until_ready)
result(state)              (x, z, y), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, x_rows, z_rows)  changes the sign of those rows, in the memory of both (donated)
facts(state) -> dict       device and type of the result itself, XLA's threads

Under jax.jit, as JAX is used: XLA makes one loop of it. The operands are arguments of the compiled function, so that it
cannot fold the result into a constant. There is no event to time a GPU with: the host's clock includes the launch, some
ten microseconds. The CUDA path has not run on such a device yet.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp

DTYPES = ("float64", "float32", "float16", "bfloat16")
COLUMNS = 1024
# The name that XLA's CPU client gives the threads of its pool (seen in jaxlib 0.10.2).
POOL_THREAD = "tf_XLAEigen"

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, as rows of 1024 elements, and the device."""

    x: Any
    z: Any
    y: Any
    device: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"JAX has no arithmetic of {dtype} here")
    jax.config.update("jax_enable_x64", dtype == "float64")
    keys = jax.random.split(jax.device_put(jax.random.PRNGKey(params["seed"]), device))
    x, z = (_uniform(key, params["n"], dtype).block_until_ready() for key in keys)
    y = jax.device_put(jnp.zeros(x.shape, dtype=dtype), device).block_until_ready()
    return State(x, z, y, device)


def run(state: State) -> None:
    """Compute y in the memory of the old one, and wait."""
    state.y = _chain(state.x, state.z, state.y).block_until_ready()


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return x, z and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.z), _rows(state.y)


def flip(state: State, x_rows: list[int], z_rows: list[int]) -> None:
    """Change the sign of these rows of x and of z, in their memory."""
    state.x, state.z = _changed(state, state.x, x_rows), _changed(state, state.z, z_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which JAX computes, and what the result is and where."""
    common = {
        "framework": "jax",
        "framework_version": jax.__version__,
        "result_device": _device_of(state.y),
        "result_dtype": str(state.y.dtype),
    }
    if state.device.platform == "cpu":
        return {**common, "device_kind": "cpu", "threads": _threads(), "threading_layer": "xla"}
    capability = getattr(state.device, "compute_capability", None)
    return {
        **common,
        "device_kind": "cuda",
        "device_name": state.device.device_kind,
        "compute_capability": capability,
    }


# The old y is given away (donated), so that its memory takes the new one.
_chain = jax.jit(lambda x, z, _y: jnp.exp(x + z) * x + z, donate_argnums=2, keep_unused=True)
_signed = jax.jit(lambda matrix, signs: matrix * signs, donate_argnums=0)
_cut = jax.jit(lambda x, start, size: jax.lax.dynamic_slice_in_dim(x, start, size), static_argnums=2)


def _device(text: str) -> Any:
    """Return JAX's device; only its platform is started, so that a CPU trial takes no GPU memory."""
    kind, index = text.split(":")
    if kind not in ("cpu", "cuda"):
        raise LookupError(f"JAX computes on the CPU and on CUDA devices here, not on {kind}")
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    jax.config.update("jax_platforms", "cpu" if kind == "cpu" else "cuda,cpu")
    if kind == "cpu":
        return jax.devices("cpu")[0]
    try:
        devices = jax.devices("cuda")
    except RuntimeError as error:
        raise LookupError(f"JAX sees no usable CUDA device: {str(error).splitlines()[0]}") from error
    if int(index) >= len(devices):
        raise LookupError(f"there is no {text}: JAX sees {len(devices)} CUDA devices")
    return devices[int(index)]


def _device_of(array: Any) -> str:
    """Return where an array lies, in the words of a trial."""
    (device,) = array.devices()
    return "cpu:0" if device.platform == "cpu" else f"cuda:{device.local_hardware_id}"


def _uniform(key: Any, n: int, dtype: str) -> Any:
    """Make values between -1 and 1; one compiled step, so that no wider copy outlives it."""
    made, shape = jnp.float64 if dtype == "float64" else jnp.float32, (n // COLUMNS, COLUMNS)
    return jax.jit(lambda k: jax.random.uniform(k, shape, dtype=made, minval=-1.0, maxval=1.0).astype(dtype))(key)


def _changed(state: State, matrix: Any, rows: list[int]) -> Any:
    signs = [1.0] * len(matrix)
    for row in rows:
        signs[row] = -1.0
    column = jax.device_put(jnp.asarray(signs, dtype=matrix.dtype).reshape(-1, 1), state.device)
    return _signed(matrix, column).block_until_ready()


def _rows(matrix: Any) -> Rows:
    """Read rows through one compiled slice a block size: a plain slice compiles anew for every start."""
    return lambda start, stop: jax.device_get(_cut(matrix, start, stop - start)).astype("float64")


def _threads() -> int | None:
    """Count the threads of XLA's pool on Linux; elsewhere nothing tells."""
    if not sys.platform.startswith("linux"):
        return None
    names = []
    for thread in os.listdir("/proc/self/task"):
        try:
            names.append(Path(f"/proc/self/task/{thread}/comm").read_text("ascii", "replace").strip())
        except OSError:  # it has just ended
            continue
    return names.count(POOL_THREAD) or None
