"""Loads a kernel from its text, leaving no byte code behind."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from failure import CHECK_NAME, KERNEL_NAME

NEEDED = ("setup", "run", "result")
# Read by OpenMP, OpenBLAS, MKL, BLIS, Accelerate and XLA's CPU client (PJRT_NPROC is its newer name: seen in
# jaxlib 0.10.2).
THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NPROC",
    "PJRT_NPROC",
)


def set_threads(params: dict[str, Any]) -> None:
    """Set the variables that libraries read their threads from when loaded; null leaves them as they are."""
    if params["threads"] is not None:
        os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(params["threads"])))


def execute(path: Path, name: str) -> ModuleType:
    """Run a file's text as the module `name`. Raises OSError and whatever the text raises."""
    text = path.read_text(encoding="utf-8")
    module = ModuleType(name)
    module.__file__ = str(path)
    sys.modules[name] = module  # a dataclass looks its own module up there while it is being made
    try:
        exec(compile(text, str(path), "exec", dont_inherit=True), module.__dict__)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def load(path: str, *, flips: bool) -> ModuleType:
    """Run a kernel's text as module `mambench_kernel`; `flips` says whether signs of its operands change.

    Raises OSError, whatever its top level raises, and AttributeError if it lacks a function.
    """
    return _with(execute(Path(path), KERNEL_NAME), (*NEEDED, "flip") if flips else NEEDED, f"the kernel {_name(path)}")


def load_check(path: str) -> ModuleType:
    """Run a check's text as module `mambench_check`. Raises as `load` does."""
    return _with(execute(Path(path), CHECK_NAME), ("verify",), f"the check {_name(path)}")


def _with(module: ModuleType, needed: tuple[str, ...], what: str) -> ModuleType:
    missing = [name for name in needed if not callable(getattr(module, name, None))]
    if missing:
        raise AttributeError("{} has no function named {}".format(what, " or ".join(missing)))
    return module


def _name(path: str) -> str:
    return os.path.basename(path)
