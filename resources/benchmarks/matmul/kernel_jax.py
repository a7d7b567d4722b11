"""Matrix product with JAX: C = A B, compiled by XLA, on the CPU or a CUDA device.

setup(params) -> state     operands from a fixed seed, made in float64 or float32 and cast
run(state) -> None         makes a new C in the old one's memory and waits for it (block_until_ready)
result(state)              (a, b, c), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in the memory of both (donated)
facts(state) -> dict       device and type of the product itself, XLA's threads, precision

The operands are arguments of the compiled function, so that XLA cannot fold the product into a constant.
float32 means IEEE (precision "highest"); tf32 is precision "tensorfloat32". There is no event to time a GPU
with: the host's clock includes the launch, some ten microseconds. The CUDA path has not run on such a device
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

DTYPES = {
    "float64": "float64",
    "float32": "float32",
    "tf32": "float32",
    "float16": "float16",
    "bfloat16": "bfloat16",
}
PRECISIONS = {"float32": "highest", "tf32": "tensorfloat32"}
AMPERE = (8, 0)
# The name that XLA's CPU client gives the threads of its pool (seen in jaxlib 0.10.2).
POOL_THREAD = "tf_XLAEigen"

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and product, the compiled product and the device."""

    a: Any
    b: Any
    c: Any
    dtype: str
    device: Any
    product: Callable[[Any, Any, Any], Any]


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, device = params["dtype"], _device(params["device"])
    _refuse(dtype, device)
    jax.config.update("jax_enable_x64", dtype == "float64")
    key_a, key_b = jax.random.split(jax.device_put(jax.random.PRNGKey(params["seed"]), device))
    m, n, k, batch = (params[name] for name in ("m", "n", "k", "batch"))
    a = _normal(key_a, (batch * m, k), dtype)
    b = _normal(key_b, (batch * k, n), dtype)
    c = jax.device_put(jnp.zeros((batch * m, n), dtype=DTYPES[dtype]), device)
    jax.block_until_ready((a, b, c))
    return State(a, b, c, dtype, device, _compiled(PRECISIONS.get(dtype), batch))


def run(state: State) -> None:
    """Multiply into the memory of the old C, and wait."""
    state.c = state.product(state.a, state.b, state.c).block_until_ready()


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B, in their memory."""
    state.a, state.b = _changed(state, state.a, a_rows), _changed(state, state.b, b_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which JAX multiplies, and what the product is and where (None before the first run)."""
    common = {
        "framework": "jax",
        "framework_version": jax.__version__,
        "blas": "xla",
        "blas_version": jaxlib.__version__,
        "result_device": None if state.c is None else _device_of(state.c),
        "result_dtype": None if state.c is None else str(state.c.dtype),
        "float32_precision": "tf32" if state.dtype == "tf32" else "ieee",
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


def _device_of(matrix: Any) -> str:
    """Return where a matrix lies, in the words of a trial."""
    (device,) = matrix.devices()
    return "cpu:0" if device.platform == "cpu" else f"cuda:{device.local_hardware_id}"


def _refuse(dtype: str, device: Any) -> None:
    if dtype not in DTYPES:
        raise NotImplementedError(f"JAX has no product of {dtype} here")
    if dtype == "tf32" and device.platform == "cpu":
        raise NotImplementedError("tf32 exists on CUDA devices only")
    if device.platform != "cpu" and dtype in ("tf32", "bfloat16"):
        capability = tuple(int(part) for part in str(getattr(device, "compute_capability", "0.0")).split("."))
        if capability < AMPERE:
            raise NotImplementedError(f"{dtype} needs a CUDA device of compute capability 8.0 or later")


def _normal(key: Any, shape: tuple[int, int], dtype: str) -> Any:
    """Make normal values where the key lies; one compiled step, so that no wider copy outlives it."""
    made = jnp.float64 if dtype == "float64" else jnp.float32
    return jax.jit(lambda k: jax.random.normal(k, shape, dtype=made).astype(DTYPES[dtype]))(key)


def _compiled(precision: str | None, batch: int) -> Callable[[Any, Any, Any], Any]:
    """Return the product, or those of a batch, compiled; the old C is given away: the new one takes its memory."""

    def product(a: Any, b: Any, c: Any) -> Any:
        if batch == 1:
            return jnp.matmul(a, b, precision=precision)
        a, b = (matrix.reshape(batch, -1, matrix.shape[1]) for matrix in (a, b))
        return jnp.matmul(a, b, precision=precision).reshape(c.shape)

    compiled: Callable[[Any, Any, Any], Any] = jax.jit(product, donate_argnums=2, keep_unused=True)
    return compiled


def _changed(state: State, matrix: Any, rows: list[int]) -> Any:
    signs = [1.0] * len(matrix)
    for row in rows:
        signs[row] = -1.0
    column = jax.device_put(jnp.asarray(signs, dtype=matrix.dtype).reshape(-1, 1), state.device)
    return _signed(matrix, column).block_until_ready()


_signed = jax.jit(lambda matrix, signs: matrix * signs, donate_argnums=0)


def _rows(matrix: Any) -> Rows:
    """Read rows through one compiled slice a block size: a plain slice compiles anew for every start."""
    cut = jax.jit(lambda x, start, size: jax.lax.dynamic_slice_in_dim(x, start, size), static_argnums=2)
    return lambda start, stop: jax.device_get(cut(matrix, start, stop - start)).astype("float64")


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
