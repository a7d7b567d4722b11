"""Where a framework can be tried: the running interpreter for what it can import, others that are named.

MAMBENCH_TEST_PYTHONS names them, as "torch=/path/to/python,jax=/path/to/python".
"""

from __future__ import annotations

import importlib.util
import os
import sys

import pytest

MODULES = {"mlx": "mlx.core"}
"""What must be importable, where it is not called as the framework."""


def importable(module: str) -> bool:
    """Say whether the running interpreter has it."""
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


def named() -> dict[str, str]:
    """Return the interpreters that were named, by framework or by stack."""
    words = os.environ.get("MAMBENCH_TEST_PYTHONS", "")
    return dict(pair.split("=", 1) for pair in words.split(",") if pair)


def python_with(framework: str) -> str:
    """Return an interpreter with this framework; the test is skipped, in words, where there is none."""
    if framework in named():
        return named()[framework]
    if not importable(MODULES.get(framework, framework)):
        pytest.skip(f"not run: no interpreter with {framework} here; name one in MAMBENCH_TEST_PYTHONS")
    return sys.executable
