"""Matrix product with TensorFlow: C = A B, eagerly, on the CPU or a CUDA device.

setup(params) -> state     operands from a fixed seed, made as float64 or float32 and cast
run(state) -> None         drops the old C and makes a new one; returns when the device has finished
result(state)              (a, b, c), each rows(start, stop) -> those rows as float64
flip(state, a_rows, b_rows)  replaces both by themselves with those rows' signs changed
facts(state) -> dict       device and type of the product itself, library, threads

float32 means IEEE: TensorFlow's own default of TF32 is turned off. There is no event to time a GPU with: the
host's clock around a product and `sync_devices` is used, which adds the launch, some ten microseconds. The
CUDA path has not run on such a device yet.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tensorflow as tf

DTYPES = {
    "float64": "float64",
    "float32": "float32",
    "tf32": "float32",
    "float16": "float16",
    "bfloat16": "bfloat16",
}
AMPERE = (8, 0)
# Below TensorFlow's folder of headers: the file and how its constants begin (seen in TensorFlow 2.21).
VERSION_HEADERS = {
    "eigen": ("Eigen/Version", "EIGEN"),
    "onednn": ("external/onednn/include/oneapi/dnnl/dnnl_version.h", "DNNL_VERSION"),
}

Rows = Callable[[int, int], Any]


@dataclass
class State:
    """Operands and product, and TensorFlow's name of the device."""

    a: Any
    b: Any
    c: Any
    dtype: str
    device: str
    batch: int


def setup(params: dict[str, Any]) -> State:
    """Make the operands; raises NotImplementedError and LookupError for a dtype or a device it has not."""
    kind, index = params["device"].split(":")
    _configure(params["threads"])
    device = _device(kind, int(index))
    _refuse(params["dtype"], kind, int(index))
    tf.config.experimental.enable_tensor_float_32_execution(params["dtype"] == "tf32")
    with tf.device(device):
        a = _normal((params["batch"] * params["m"], params["k"]), params, stream=0)
        b = _normal((params["batch"] * params["k"], params["n"]), params, stream=1)
    return State(a, b, None, params["dtype"], device, params["batch"])


def run(state: State) -> None:
    """Multiply and wait."""
    state.c = None
    with tf.device(state.device):
        state.c = _product(state)
    if "GPU" in state.device:
        _wait(state.c)


def result(state: State) -> tuple[Rows, Rows, Rows]:
    """Return A, B and C as readers of float64 rows."""
    return _rows(state.a), _rows(state.b), _rows(state.c)


def flip(state: State, a_rows: list[int], b_rows: list[int]) -> None:
    """Change the sign of these rows of A and of B; C goes first, so that no fourth matrix is held."""
    state.c = None
    state.a, state.b = _changed(state, state.a, a_rows), _changed(state, state.b, b_rows)


def facts(state: State) -> dict[str, Any]:
    """Say which TensorFlow multiplies, and what the product is and where (None before the first run)."""
    common = {
        "framework": "tensorflow",
        "framework_version": tf.__version__,
        "result_device": None if state.c is None else _device_of(state.c),
        "result_dtype": None if state.c is None else state.c.dtype.name,
        "float32_precision": "tf32" if tf.config.experimental.tensor_float_32_execution_enabled() else "ieee",
        "threads": tf.config.threading.get_intra_op_parallelism_threads(),
    }
    if "GPU" in state.device:
        return {**common, **_cuda_facts(state.device)}
    # oneDNN has no float64; which of the two does the others depends on shape and CPU.
    blas = "eigen" if state.dtype == "float64" or os.environ.get("TF_ENABLE_ONEDNN_OPTS") == "0" else "onednn/eigen"
    return {
        **common,
        "device_kind": "cpu",
        "blas": blas,
        "blas_version": _built_with(blas),
        "threading_layer": "tensorflow",
    }


def _product(state: State) -> Any:
    if state.batch == 1:
        return tf.matmul(state.a, state.b)
    a, b = (tf.reshape(matrix, (state.batch, -1, matrix.shape[1])) for matrix in (state.a, state.b))
    return tf.reshape(tf.matmul(a, b), (state.a.shape[0], -1))


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


def _refuse(dtype: str, kind: str, index: int) -> None:
    if dtype not in DTYPES:
        raise NotImplementedError(f"TensorFlow has no product of {dtype} here")
    if dtype == "tf32" and kind != "cuda":
        raise NotImplementedError("tf32 exists on CUDA devices only")
    if kind == "cuda" and dtype in ("tf32", "bfloat16") and _capability(index) < AMPERE:
        raise NotImplementedError(f"{dtype} needs a CUDA device of compute capability 8.0 or later")


def _capability(index: int) -> tuple[int, ...]:
    gpu = tf.config.list_physical_devices("GPU")[index]
    return tuple(tf.config.experimental.get_device_details(gpu).get("compute_capability", (0, 0)))


def _normal(shape: tuple[int, int], params: dict[str, Any], *, stream: int) -> Any:
    made = "float64" if params["dtype"] == "float64" else "float32"
    values = tf.random.stateless_normal(shape, seed=[params["seed"], stream], dtype=made)
    return tf.cast(values, DTYPES[params["dtype"]])


def _changed(state: State, matrix: Any, rows: list[int]) -> Any:
    signs = [1.0] * len(matrix)
    for row in rows:
        signs[row] = -1.0
    with tf.device(state.device):
        return matrix * tf.constant(signs, shape=(len(signs), 1), dtype=matrix.dtype)


def _wait(product: Any) -> None:
    sync = getattr(tf.test.experimental, "sync_devices", None)
    if sync is not None:
        sync()
    else:
        product[0, 0].numpy()


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
        "blas": "cublas",
    }


def _built_with(libraries: str) -> str | None:
    """Return the versions of libraries inside TensorFlow by the headers that come with it; None where they lack."""
    versions = []
    for file, name in map(VERSION_HEADERS.__getitem__, libraries.split("/")):
        try:
            text = (Path(tf.sysconfig.get_include()) / file).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None
        versions.append(".".join(re.findall(rf"#define {name}_(?:MAJOR|MINOR|PATCH)(?:_VERSION)? +(\d+)", text)))
    return "/".join(versions) if all(versions) else None


def _schedulable_cpus() -> int:
    """Return what TensorFlow takes when nothing is set: the CPUs it may be scheduled on."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1
