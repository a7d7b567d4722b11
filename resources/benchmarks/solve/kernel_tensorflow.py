"""A x = b with TensorFlow: tf.linalg.solve, eagerly, on the CPU or a CUDA device.

setup(params) -> state     A and b from a fixed seed, uniform in +-0.5; x is replaced by each run
run(state) -> None         factorises and solves anew; returns when the device has finished
result(state)              (a, b, x), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  replaces both by themselves with those rows' signs changed
facts(state) -> dict       device and type of the solution itself, library, threads

On the CPU TensorFlow factorises with Eigen's PartialPivLU, on one thread for one matrix, however many it may use; on
CUDA with cuSOLVER. float32 means IEEE: TensorFlow's own default of TF32 is turned off. There is no event to time a GPU
with: the host's clock around a run and `sync_devices` is used, which adds the launch, some ten microseconds. The CUDA
path has not run on such a device yet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

DTYPES = ("float64", "float32")

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and solution, and TensorFlow's name of the device."""

    a: Any
    b: Any
    x: Any
    device: str


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    (kind, index), n = params["device"].split(":"), params["n"]
    _configure(params["threads"])
    device = _device(kind, int(index))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("TensorFlow solves in float64 or float32, not in {}".format(params["dtype"]))
    tf.config.experimental.enable_tensor_float_32_execution(False)
    with tf.device(device):
        a, b = _uniform((n, n), params, stream=0), _uniform((n, 1), params, stream=1)
    return State(a, b, None, device)


def run(state: State) -> None:
    """Factorise A, solve for x and wait."""
    with tf.device(state.device):
        state.x = tf.linalg.solve(state.a, state.b)
    if "GPU" in state.device:
        _wait(state.x)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, b and x as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.x)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of b."""
    state.a, state.b = _changed(state, state.a, a_rows), _changed(state, state.b, b_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which TensorFlow solves, and what the solution is and where (None before the first run)."""
    common = {
        "framework": "tensorflow",
        "framework_version": tf.__version__,
        "result_device": None if state.x is None else _device_of(state.x),
        "result_dtype": None if state.x is None else state.x.dtype.name,
        "float32_precision": "ieee",
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
    if "GPU" in state.device:
        return {**common, **_cuda_facts(state.device)}
    return {
        **common,
        "device_kind": "cpu",
        "blas": "eigen",
        "blas_version": _eigen_version(),
        "threading_layer": "tensorflow",
    }


def _configure(threads: Any) -> None:
    """Set the threads of one operation, once: TensorFlow refuses any change after its start.

    Its own default is set too, because TensorFlow tells only what was set.
    """
    wanted = threads or int(os.environ.get("TF_NUM_INTRAOP_THREADS") or 0) or _schedulable_cpus()
    if tf.config.threading.get_intra_op_parallelism_threads() != wanted:
        tf.config.threading.set_intra_op_parallelism_threads(wanted)


def _device_of(tensor: Any) -> str:
    """Return where a tensor lies, in the words of a trial; the only visible GPU has its physical number."""
    if "GPU" not in tensor.device:
        return "cpu:0"
    (gpu,) = tf.config.get_visible_devices("GPU")
    return "cuda:" + str(gpu.name).rpartition(":")[2]


def _device(kind: str, index: int) -> str:
    """Show TensorFlow one device only, so that nothing is silently placed elsewhere, and return its name."""
    gpus = tf.config.list_physical_devices("GPU")
    if kind == "cpu":
        _show([])
        return "/CPU:0"
    if kind != "cuda":
        raise LookupError(f"TensorFlow computes on the CPU and on CUDA devices here, not on {kind}")
    if not tf.test.is_built_with_cuda():
        raise LookupError("this TensorFlow is built without CUDA")
    if index >= len(gpus):
        raise LookupError(f"there is no cuda:{index}: TensorFlow sees {len(gpus)} CUDA devices")
    if tf.config.get_visible_devices("GPU") != [gpus[index]]:
        tf.config.experimental.set_memory_growth(gpus[index], True)
        _show([gpus[index]])
    tf.config.set_soft_device_placement(False)
    return "/GPU:0"  # the only one that is visible


def _show(gpus: list[Any]) -> None:
    if tf.config.get_visible_devices("GPU") != gpus:
        tf.config.set_visible_devices(gpus, "GPU")


def _uniform(shape: tuple[int, int], params: dict[str, Any], *, stream: int) -> Any:
    return tf.random.stateless_uniform(
        shape, seed=[params["seed"], stream], minval=-0.5, maxval=0.5, dtype=params["dtype"]
    )


def _changed(state: State, matrix: Any, rows: list[int]) -> Any:
    signs = [1.0] * len(matrix)
    for row in rows:
        signs[row] = -1.0
    with tf.device(state.device):
        return matrix * tf.constant(signs, shape=(len(signs), 1), dtype=matrix.dtype)


def _wait(x: Any) -> None:
    sync = getattr(tf.test.experimental, "sync_devices", None)
    if sync is not None:
        sync()
    else:
        x[0, 0].numpy()


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: tf.cast(matrix[start:stop], tf.float64).numpy()


def _cuda_facts(device: str) -> dict[str, Any]:
    gpu = tf.config.get_visible_devices("GPU")[int(device.rpartition(":")[2])]
    details = tf.config.experimental.get_device_details(gpu)
    capability = ".".join(str(part) for part in details.get("compute_capability", ()))
    build = tf.sysconfig.get_build_info()
    return {
        "device_kind": "cuda",
        "device_name": details.get("device_name"),
        "compute_capability": capability or None,
        "cuda": build.get("cuda_version"),
        "blas": "cusolver",
    }


def _eigen_version() -> str | None:
    """Return the version by the header of Eigen that comes with TensorFlow (seen in 2.21); None where it lacks."""
    try:
        text = (Path(tf.sysconfig.get_include()) / "Eigen/Version").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return ".".join(re.findall(r"#define EIGEN_(?:MAJOR|MINOR|PATCH)(?:_VERSION)? +(\d+)", text)) or None


def _schedulable_cpus() -> int:
    """Return what TensorFlow takes when nothing is set: the CPUs it may be scheduled on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
