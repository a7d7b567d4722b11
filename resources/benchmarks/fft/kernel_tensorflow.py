"""Fourier transform with TensorFlow: y = F x by tf.signal, eagerly, on the CPU or a CUDA device.

setup(params) -> state   x from a fixed seed, made in the dtype
run(state) -> None       drops the old y and makes a new one; returns when the device has finished
result(state)            (x, y), each rows(start, stop) -> those rows of 1024 points as float64, (re, im) side by side
flip(state, rows)        replaces x by itself with those rows' signs changed
facts(state) -> dict     library, type, device and threads

There is no event to time a GPU with: the host's clock around a transform and `sync_devices` is used, which adds the
launch, some ten microseconds. The CUDA path has not run on such a device yet.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

DTYPES = {"float64": "complex128", "float32": "complex64"}
ROW = 1024
# Below TensorFlow's folder of headers, where its transform on the CPU is ducc0 (seen in TensorFlow 2.21).
DUCC = "ducc"

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Points as pairs, rows by 2048, and as n or m by n complex numbers; bins; TensorFlow's name of the device."""

    pairs: Any
    x: Any
    y: Any
    device: str


def setup(params: dict[str, Any]) -> State:
    """Make the points; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    kind, index = params["device"].split(":")
    _configure(params["threads"])
    device = _device(kind, int(index))
    if params["dtype"] not in DTYPES:
        raise NotImplementedError("TensorFlow has no transform of {}; use float64 or float32".format(params["dtype"]))
    m, n = params["m"], params["n"]
    with tf.device(device):
        pairs = tf.random.stateless_normal((m * n // ROW, 2 * ROW), seed=[params["seed"], 0], dtype=params["dtype"])
        return State(pairs, _complex(pairs, (n,) if m == 1 else (m, n)), None, device)


def run(state: State) -> None:
    """Transform and wait."""
    state.y = None
    with tf.device(state.device):
        state.y = (tf.signal.fft if len(state.x.shape) == 1 else tf.signal.fft2d)(state.x)
    if "GPU" in state.device:
        _wait(state.y)


def result(state: State) -> tuple[Rows, Rows]:
    """Return x and y as readers of float64 rows; there is a y to read after a run."""

    def bins(start: int, stop: int) -> Any:
        with tf.device(state.device):
            pairs = tf.reshape(tf.bitcast(state.y, state.pairs.dtype), state.pairs.shape)
        return _rows(pairs)(start, stop)

    return _rows(state.pairs), bins


def flip(state: State, rows: list[int]) -> None:
    """Change the sign of these rows of x; y goes first, so that no third array is held."""
    signs = [1.0] * len(state.pairs)
    for row in rows:
        signs[row] = -1.0
    shape, state.x, state.y = state.x.shape, None, None
    with tf.device(state.device):
        state.pairs = state.pairs * tf.constant(signs, shape=(len(signs), 1), dtype=state.pairs.dtype)
        state.x = _complex(state.pairs, shape)


def facts(state: State) -> dict[str, Any]:
    """Say which TensorFlow transforms, and what y is and where (None before the first run)."""
    common = {
        "framework": "tensorflow",
        "framework_version": tf.__version__,
        "result_device": None if state.y is None else _device_of(state.y),
        "result_dtype": None if state.y is None else state.y.dtype.name,
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
    if "GPU" in state.device:
        return {**common, **_cuda_facts(state.device)}
    return {
        **common,
        "device_kind": "cpu",
        "library": "ducc0" if (Path(tf.sysconfig.get_include()) / DUCC).is_dir() else "tensorflow",
        "library_version": tf.__version__,
        "threading_layer": "tensorflow",
    }


def _complex(pairs: Any, shape: Any) -> Any:
    """Return pairs as complex numbers in the same memory."""
    dtype = DTYPES[pairs.dtype.name]
    return tf.bitcast(tf.reshape(pairs, (*shape, 2)), dtype)


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


def _wait(bins: Any) -> None:
    sync = getattr(tf.test.experimental, "sync_devices", None)
    if sync is not None:
        sync()
    else:
        tf.reshape(bins, [-1])[0].numpy()


def _rows(pairs: Any) -> Rows:
    return lambda start, stop: tf.cast(pairs[start:stop], tf.float64).numpy()


def _cuda_facts(device: str) -> dict[str, Any]:
    gpu = tf.config.get_visible_devices("GPU")[int(device.rpartition(":")[2])]
    details = tf.config.experimental.get_device_details(gpu)
    capability = ".".join(str(part) for part in details.get("compute_capability", ()))
    return {
        "device_kind": "cuda",
        "device_name": details.get("device_name"),
        "compute_capability": capability or None,
        "cuda": tf.sysconfig.get_build_info().get("cuda_version"),
        "library": "cufft",
    }


def _schedulable_cpus() -> int:
    """Return what TensorFlow takes when nothing is set: the CPUs it may be scheduled on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
