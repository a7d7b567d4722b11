"""A x = b with JAX: jax.numpy.linalg.solve, compiled by XLA, on the CPU or a CUDA device.

setup(params) -> state     A and b from a fixed seed, uniform in +-0.5; x is replaced by each run
run(state) -> None         factorises and solves anew, and waits for it (block_until_ready)
result(state)              (a, b, x), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  changes the sign of those rows, in the memory of both (donated)
facts(state) -> dict       device and type of the solution itself, XLA's threads, precision

On the CPU XLA calls the LAPACK that SciPy brings, on CUDA cuSOLVER. A and b are arguments of the compiled function, so
that XLA cannot fold the solution into a constant. float32 means IEEE (precision "highest"). There is no event to time a
GPU with: the host's clock includes the launch, some ten microseconds. The CUDA path has not run on such a device yet.
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

DTYPES = ("float64", "float32")
# The name that XLA's CPU client gives the threads of its pool (seen in jaxlib 0.10.2).
POOL_THREAD = "tf_XLAEigen"

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and solution, and the device."""

    a: Any
    b: Any
    x: Any
    device: Any


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    dtype, n, device = params["dtype"], params["n"], _device(params["device"])
    if dtype not in DTYPES:
        raise NotImplementedError(f"JAX solves in float64 or float32, not in {dtype}")
    jax.config.update("jax_enable_x64", dtype == "float64")
    jax.config.update("jax_default_matmul_precision", "highest")
    key_a, key_b = jax.random.split(jax.device_put(jax.random.PRNGKey(params["seed"]), device))
    a, b = _uniform(key_a, (n, n), dtype), _uniform(key_b, (n, 1), dtype)
    jax.block_until_ready((a, b))
    return State(a, b, None, device)


def run(state: State) -> None:
    """Factorise A, solve for x, and wait."""
    state.x = _solve(state.a, state.b).block_until_ready()


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, b and x as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.x)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of b, in their memory."""
    state.a, state.b = _changed(state, state.a, a_rows), _changed(state, state.b, b_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which JAX solves, and what the solution is and where (None before the first run)."""
    common = {
        "framework": "jax",
        "framework_version": jax.__version__,
        "blas": "xla",
        "blas_version": jaxlib.__version__,
        "result_device": None if state.x is None else _device_of(state.x),
        "result_dtype": None if state.x is None else str(state.x.dtype),
        "float32_precision": "ieee",
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


_solve = jax.jit(jnp.linalg.solve)


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


def _uniform(key: Any, shape: tuple[int, int], dtype: str) -> Any:
    return jax.jit(lambda k: jax.random.uniform(k, shape, dtype=dtype, minval=-0.5, maxval=0.5))(key)


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
