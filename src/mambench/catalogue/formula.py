"""Formulas in a benchmark's file: arithmetic of its parameters, and nothing else that Python can do. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

FUNCTIONS = {"min": min, "max": max, "sqrt": math.sqrt, "log2": math.log2, "ceil": math.ceil}


def evaluate(formula: str, values: Mapping[str, float]) -> float:
    """The value of `2 * m * n * k` with these parameters. Raises ValueError, in words."""
    return _value(formula, tuple(values.items()))


@lru_cache(maxsize=4096)
def _value(formula: str, values: tuple[tuple[str, float], ...]) -> float:
    """Once for each formula and its values: a plan asks the same of every stack."""
    from simpleeval import InvalidExpression, SimpleEval  # late: most commands calculate nothing

    try:
        value = SimpleEval(names=dict(values), functions=FUNCTIONS).eval(formula, _parsed(formula))
    except (InvalidExpression, SyntaxError, ArithmeticError, TypeError, ValueError) as error:
        raise ValueError(f"{formula!r} cannot be calculated: {_words(error)}") from error
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
        raise ValueError(f"{formula!r} gives {value!r}, which is no amount")
    return value


@lru_cache(maxsize=1024)
def _parsed(formula: str) -> Any:
    from simpleeval import SimpleEval

    return SimpleEval.parse(formula)


def _words(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
