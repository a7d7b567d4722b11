"""A chain of elementwise operations with TensorFlow: y = exp(x + z) x + z, on the CPU or a CUDA device.

setup(params) -> state     x and z from a fixed seed, made as float64 or float32 and cast
run(state) -> None         drops the old y and makes a new one; returns when the device has finished
result(state)              (x, z, y), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, x_rows, z_rows)  replaces both by themselves with those rows' signs changed
facts(state) -> dict       device and type of the result itself, threads

In a tf.function, as TensorFlow's users compute, without jit_compile, which is off by default: a graph, whose operations
run one after the other but write into a temporary's memory. With jit_compile XLA would fuse them, as it does in JAX's
kernel. There is no event to time a GPU with: the host's clock around a run and `sync_devices` is used, which adds the
launch, some ten microseconds. The CUDA path has not run on such a device yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

DTYPES = ("float64", "float32", "float16", "bfloat16")
COLUMNS = 1024

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, as rows of 1024 elements, and TensorFlow's name of the device."""

    x: Any
    z: Any
    y: Any
    device: str


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    kind, index = params["device"].split(":")
    _configure(params["threads"])
    device = _device(kind, int(index))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("TensorFlow has no arithmetic of {} here".format(params["dtype"]))
    with tf.device(device):
        x, z = (_uniform(params, stream=stream) for stream in (0, 1))
    return State(x, z, None, device)


def run(state: State) -> None:
    """Compute y and wait."""
    state.y = None
    with tf.device(state.device):
        state.y = _chain(state.x, state.z)
    if "GPU" in state.device:
        _wait(state.y)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return x, z and y as readers of float64 rows."""
    return _rows(state.x), _rows(state.z), _rows(state.y)


def flip(state: State, x_rows: list[int], z_rows: list[int]) -> None:
    """Change the sign of these rows of x and of z; y goes first, so that no fourth array is held."""
    state.y = None
    state.x = _changed(state, state.x, x_rows)
    state.z = _changed(state, state.z, z_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which TensorFlow computes, and what the result is and where (None before the first run)."""
    common = {
        "framework": "tensorflow",
        "framework_version": tf.__version__,
        "result_device": None if state.y is None else _device_of(state.y),
        "result_dtype": None if state.y is None else state.y.dtype.name,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
    if "GPU" in state.device:
        return {**common, **_cuda_facts(state.device)}
    return {**common, "device_kind": "cpu", "threading_layer": "tensorflow"}


def _written(x: Any, z: Any) -> Any:
    return tf.exp(x + z) * x + z


_chain = tf.function(_written)


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


def _uniform(params: dict[str, Any], *, stream: int) -> Any:
    """Make values between -1 and 1."""
    shape, made = (params["n"] // COLUMNS, COLUMNS), "float64" if params["dtype"] == "float64" else "float32"
    seed = [params["seed"], stream]
    return tf.cast(tf.random.stateless_uniform(shape, seed=seed, minval=-1, maxval=1, dtype=made), params["dtype"])


def _changed(state: State, matrix: Any, rows: list[int]) -> Any:
    signs = [1.0] * len(matrix)
    for row in rows:
        signs[row] = -1.0
    with tf.device(state.device):
        return matrix * tf.constant(signs, shape=(len(signs), 1), dtype=matrix.dtype)


def _wait(array: Any) -> None:
    sync = getattr(tf.test.experimental, "sync_devices", None)
    if sync is not None:
        sync()
    else:
        array[0, 0].numpy()


def _rows(matrix: Any) -> Rows:
    return lambda start, stop: tf.cast(matrix[start:stop], tf.float64).numpy()


def _cuda_facts(device: str) -> dict[str, Any]:
    gpu = tf.config.get_visible_devices("GPU")[int(device.rpartition(":")[2])]
    details = tf.config.experimental.get_device_details(gpu)
    capability = ".".join(str(part) for part in details.get("compute_capability", ()))
    return {
        "device_kind": "cuda",
        "device_name": details.get("device_name"),
        "compute_capability": capability or None,
        "cuda": tf.sysconfig.get_build_info().get("cuda_version"),
    }


def _schedulable_cpus() -> int:
    """Return what TensorFlow takes when nothing is set: the CPUs it may be scheduled on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
