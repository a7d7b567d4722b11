"""Fourier transform with JAX: y = F x, compiled by XLA, on the CPU or a CUDA device.

setup(params) -> state   x from a fixed seed, made in the dtype
run(state) -> None       makes a new y in the old one's memory and waits for it (block_until_ready)
result(state)            (x, y), each rows(start, stop) -> those rows of 1024 points as float64, (re, im) side by side
flip(state, rows)        changes the sign of those rows of x, in its memory (donated)
facts(state) -> dict     library, type, device and threads

x is an argument of the compiled function, so that XLA cannot fold the transform into a constant. There is no event to
time a GPU with: the host's clock includes the launch, some ten microseconds. The CUDA path has not run on such a device
yet.
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
import jaxlib

DTYPES = {"float64": "complex128", "float32": "complex64"}
ROW = 1024
# XLA's library on the CPU (seen in jaxlib 0.10.2).
CPU_LIBRARY = "ducc0"
# The name that XLA's CPU client gives the threads of its pool (seen in jaxlib 0.10.2).
POOL_THREAD = "tf_XLAEigen"

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Points and bins, n of them or m rows of n, and the device."""

    x: Any
    y: Any
    device: Any


def setup(params: dict[str, Any]) -> State:
    """Make the points; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"JAX has no transform of {dtype}; use float64 or float32")
    jax.config.update("jax_enable_x64", dtype == "float64")
    m, n = params["m"], params["n"]
    shape = (n,) if m == 1 else (m, n)
    x = _normal(jax.device_put(jax.random.PRNGKey(params["seed"]), device), shape, dtype)
    y = jax.device_put(jnp.zeros(shape, dtype=DTYPES[dtype]), device)
    jax.block_until_ready((x, y))
    return State(x, y, device)


def run(state: State) -> None:
    """Transform into the memory of the old y, and wait."""
    state.y = _transform(state.x, state.y).block_until_ready()


def result(state: State) -> tuple[Rows, Rows]:
    """Return x and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.y)


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of x, in its memory."""
    signs = [1.0] * (state.x.size // ROW)
    for row in rows:
        signs[row] = -1.0
    column = jax.device_put(jnp.asarray(signs, dtype=state.x.real.dtype), state.device)
    state.x = _signed(state.x, column).block_until_ready()


def facts(state: State) -> dict[str, Any]:
    """Say which JAX transforms, and what y is and where."""
    common = {
        "framework": "jax",
        "framework_version": jax.__version__,
        "library_version": jaxlib.__version__,
        "result_device": _device_of(state.y),
        "result_dtype": str(state.y.dtype),
    }
    if state.device.platform == "cpu":
        return {**common, "device_kind": "cpu", "library": CPU_LIBRARY, "threads": _threads(), "threading_layer": "xla"}
    return {
        **common,
        "device_kind": "cuda",
        "device_name": state.device.device_kind,
        "compute_capability": getattr(state.device, "compute_capability", None),
        "library": "cufft",
    }


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


def _normal(key: Any, shape: tuple[int, ...], dtype: str) -> Any:
    """Make complex normal values where the key lies; one compiled step, so that no real copy outlives it."""

    def make(k: Any) -> Any:
        pairs = jax.random.normal(k, (2, *shape), dtype=dtype)
        return jax.lax.complex(pairs[0], pairs[1])

    return jax.jit(make)(key)


# The old y is given away (donated), so that its memory takes the new one.
_transform = jax.jit(lambda x, _y: jnp.fft.fftn(x), donate_argnums=1, keep_unused=True)
_signed = jax.jit(lambda x, signs: (x.reshape(-1, ROW) * signs[:, None]).reshape(x.shape), donate_argnums=0)


def _rows(array: Any) -> Rows:
    """Read rows through one compiled slice a block size: a plain slice compiles anew for every start."""

    def rows(start: int, stop: int) -> Any:
        block = jax.device_get(_cut(array, start * ROW, (stop - start) * ROW))
        return block.view(block.real.dtype).reshape(-1, 2 * ROW).astype("float64", copy=False)

    return rows


_cut = jax.jit(lambda x, start, size: jax.lax.dynamic_slice_in_dim(x.reshape(-1), start, size), static_argnums=2)


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
