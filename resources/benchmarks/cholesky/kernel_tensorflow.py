"""A = L L^T with TensorFlow: tf.linalg.cholesky, eagerly, on the CPU or a CUDA device.

setup(params) -> state     symmetric A from a fixed seed, uniform in +-0.5, sqrt(n) + 1.5 more on its diagonal; L is
                           replaced by each run
run(state) -> None         factorises anew; returns when the device has finished
result(state)              (a, factor), each rows(start, stop) -> those rows as float64
flip(state, a_rows)        replaces A by itself with those rows' and columns' signs changed
facts(state) -> dict       device and type of the factor itself, library, threads

On the CPU TensorFlow factorises with Eigen's LLT, on one thread for one matrix, however many it may use; on CUDA
with cuSOLVER. float32 means IEEE: TensorFlow's own default of TF32 is turned off. There is no event to time a GPU
with: the host's clock around a run and `sync_devices` is used, which adds the launch, some ten microseconds. The CUDA
path has not run on such a device yet.
"""

from __future__ import annotations

import math
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
    """Operand and factor, and TensorFlow's name of the device."""

    a: Any
    factor: Any
    device: str


def setup(params: dict[str, Any]) -> State:
    """Make the operand; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    (kind, index), n = params["device"].split(":"), params["n"]
    _configure(params["threads"])
    device = _device(kind, int(index))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("TensorFlow factorises in float64 or float32, not in {}".format(params["dtype"]))
    tf.config.experimental.enable_tensor_float_32_execution(False)
    with tf.device(device):
        a = _definite(n, params)
    return State(a, None, device)


def run(state: State) -> None:
    """Factorise A and wait for L."""
    state.factor = None
    with tf.device(state.device):
        state.factor = tf.linalg.cholesky(state.a)
    if "GPU" in state.device:
        _wait(state.factor)


def result(state: State) -> tuple[Rows, Rows]:
    """Return A and L as readers of float64 rows."""
    return _rows(state.a), _rows(state.factor)


def flip(state: State, a_rows: list[int]) -> None:
    """Change the sign of these rows of A and of the same columns; L goes first, so that no third matrix is held."""
    state.factor = None
    state.a = _changed(state, state.a, a_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which TensorFlow factorises, and what the factor is and where (None before the first run)."""
    common = {
        "framework": "tensorflow",
        "framework_version": tf.__version__,
        "result_device": None if state.factor is None else _device_of(state.factor),
        "result_dtype": None if state.factor is None else state.factor.dtype.name,
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


def _definite(n: int, params: dict[str, Any]) -> Any:
    drawn = tf.random.stateless_uniform(
        (n, n), seed=[params["seed"], 0], minval=-0.5, maxval=0.5, dtype=params["dtype"]
    )
    lower = tf.linalg.band_part(drawn, -1, 0)
    return tf.linalg.set_diag(lower + tf.transpose(lower), tf.linalg.diag_part(drawn) + (math.sqrt(n) + 1.5))


def _changed(state: State, matrix: Any, rows: list[int]) -> Any:
    signs = [1.0] * len(matrix)
    for row in rows:
        signs[row] = -1.0
    with tf.device(state.device):
        column = tf.constant(signs, shape=(len(signs), 1), dtype=matrix.dtype)
        return matrix * column * tf.transpose(column)


def _wait(factor: Any) -> None:
    sync = getattr(tf.test.experimental, "sync_devices", None)
    if sync is not None:
        sync()
    else:
        factor[0, 0].numpy()


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
