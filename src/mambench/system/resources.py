"""Where the files that come with mambench lie: in a checkout, in a wheel, in a frozen program."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def is_frozen() -> bool:
    """Whether this is the program that PyInstaller made, so that `sys.executable` is no python."""
    return bool(getattr(sys, "frozen", False))


def root() -> Path:
    """The folder `resources`."""
    package = Path(__file__).resolve().parents[1]
    if is_frozen():
        return Path(getattr(sys, "_MEIPASS", package)) / "mambench" / "resources"
    inside = package / "resources"
    return inside if inside.is_dir() else package.parents[1] / "resources"


def benchmarks() -> Path:
    """One folder for each benchmark."""
    return root() / "benchmarks"


def environments() -> Path:
    """One TOML file for each stack."""
    return root() / "environments"


def new() -> Path:
    """The example of a benchmark and that of a stack, which `mambench new` writes."""
    return root() / "new"


def worker() -> Path:
    """What runs inside the environments."""
    return root() / "worker"


def micromamba() -> Path:
    """The pin, and the carried archive where there is one."""
    return root() / "mm"


def uv() -> Path:
    """The pin of the uv that is downloaded where there is none."""
    return root() / "uv" / "uv.toml"


def threadpoolctl() -> Path | None:
    """The file of threadpoolctl, which the worker takes along to tell which BLAS is loaded; None without it."""
    spec = importlib.util.find_spec("threadpoolctl")
    path = Path(spec.origin) if spec is not None and spec.origin else root() / "threadpoolctl.py"
    return path if path.is_file() else None


def schema() -> Path:
    """The JSON Schema of the report."""
    return root() / "report.schema.json"


def comparison_schema() -> Path:
    """The JSON Schema of a comparison."""
    return root() / "comparison.schema.json"


def fleet_schema() -> Path:
    """The JSON Schema of a fleet."""
    return root() / "fleet.schema.json"


def peaks() -> Path:
    """What cores and multiprocessors can do in a clock cycle."""
    return root() / "peaks.toml"


def references() -> Path:
    """Published results."""
    return root() / "references.toml"


def selftest() -> Path:
    """The tiny conda package and the toy kernel of `mambench selftest`."""
    return root() / "selftest"


def report() -> Path:
    """What pages are made of: templates, style, chart specifications, and the scripts that draw them."""
    return root() / "report"
