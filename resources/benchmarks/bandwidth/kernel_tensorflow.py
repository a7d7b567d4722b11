"""STREAM's triad with TensorFlow: a = b + 3 c in a tf.function that XLA compiles, on the CPU or a CUDA device.

setup(params) -> state     b and c from a fixed seed, made as float64 or float32 and cast; a is a variable
run(state) -> None         assigns a; returns when the device has finished
result(state)              (b, c, a), each rows(start, stop) -> those rows of 1024 elements as float64
flip(state, b_rows, c_rows)  replaces both by themselves with those rows' signs changed
facts(state) -> dict       device and type of the result itself, threads

Without XLA TensorFlow multiplies and adds one after the other, which moves five arrays, and takes fresh memory for each
result. There is no event to time a GPU with: the host's clock around a run and `sync_devices` is used, which adds the
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
SCALE = 3
# b + 3 c has two bits more than these whole numbers, which the dtype still holds: exact with or without FMA.
BITS = {"float64": 50, "float32": 21, "float16": 9, "bfloat16": 6}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and result, as rows of 1024 elements, TensorFlow's name of the device, and the compiled triad."""

    b: Any
    c: Any
    a: Any
    device: str
    triad: Callable[[Any, Any], None]


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    kind, index = params["device"].split(":")
    _configure(params["threads"])
    device = _device(kind, int(index))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("TensorFlow has no arithmetic of {} here".format(params["dtype"]))
    with tf.device(device):
        a = tf.Variable(tf.zeros((params["n"] // COLUMNS, COLUMNS), dtype=params["dtype"]))
        b, c = (_whole(params, stream=stream) for stream in (0, 1))
    return State(b, c, a, device, _compiled(a))


def run(state: State) -> None:
    """Compute a and wait."""
    with tf.device(state.device):
        state.triad(state.b, state.c)
    if "GPU" in state.device:
        _wait(state.a)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return b, c and a as readers of float64 rows."""
    return _rows(state.b), _rows(state.c), _rows(state.a)


def flip(state: State, b_rows: list[int], c_rows: list[int]) -> None:
    """Change the sign of these rows of b and of c."""
    state.b = _changed(state, state.b, b_rows)  # one after the other, so that no fifth array is held
    state.c = _changed(state, state.c, c_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which TensorFlow computes, and what the result is and where."""
    common = {
        "framework": "tensorflow",
        "framework_version": tf.__version__,
        "result_device": _device_of(state.a),
        "result_dtype": state.a.dtype.name,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
    if "GPU" in state.device:
        return {**common, **_cuda_facts(state.device)}
    return {**common, "device_kind": "cpu", "threading_layer": "tensorflow"}


def _compiled(a: Any) -> Callable[[Any, Any], None]:
    """Return the triad into a; the operands are its arguments, so that XLA cannot fold the result into a constant."""

    def triad(b: Any, c: Any) -> None:
        a.assign(b + SCALE * c)

    compiled: Callable[[Any, Any], None] = tf.function(triad, jit_compile=True)
    return compiled


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


def _whole(params: dict[str, Any], *, stream: int) -> Any:
    """Make random whole numbers from -2**bits on, times 2**-bits: between -1 and 1."""
    dtype, shape = params["dtype"], (params["n"] // COLUMNS, COLUMNS)
    half = 2.0 ** BITS[dtype]

    def whole() -> Any:  # a graph, whose operations write into their operand's memory
        made = "float64" if dtype == "float64" else "float32"
        values = tf.random.stateless_uniform(shape, seed=[params["seed"], stream], dtype=made)
        return tf.cast((tf.floor(values * (2.0 * half)) - half) / half, dtype)

    return tf.function(whole)()


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
