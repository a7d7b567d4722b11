"""Formulas in a benchmark's file: arithmetic of its parameters, and nothing else that Python can do. Pure."""

from __future__ import annotations

import ast
import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

FUNCTIONS = {"min": min, "max": max, "sqrt": math.sqrt, "log2": math.log2, "ceil": math.ceil}

LONGEST = 1000
"""Characters: what is longer can be nested more deeply than Python reads."""

_NO_RESULT = (ArithmeticError, TypeError, ValueError, LookupError, AttributeError, RecursionError, MemoryError)
"""What arithmetic of anything with anything raises."""


def evaluate(formula: str, values: Mapping[str, float]) -> float:
    """The value of `2 * m * n * k` with these parameters. Raises ValueError, in words."""
    return _value(formula, tuple(values.items()))


@lru_cache(maxsize=4096)
def _value(formula: str, values: tuple[tuple[str, float], ...]) -> float:
    """Once for each formula and its values: a plan asks the same of every stack."""
    from simpleeval import DEFAULT_OPERATORS, InvalidExpression, SimpleEval  # late: most commands calculate nothing

    if len(formula) > LONGEST:
        raise ValueError(f"{formula[:40]!r}... has {len(formula):,} characters, more than {LONGEST:,}")
    operators = {**DEFAULT_OPERATORS, ast.Pow: _power}
    try:
        value = SimpleEval(operators, FUNCTIONS, dict(values)).eval(formula, _parsed(formula))
        is_amount = not isinstance(value, bool) and isinstance(value, int | float) and math.isfinite(value)
    except (InvalidExpression, SyntaxError, *_NO_RESULT) as error:
        raise ValueError(f"{formula!r} cannot be calculated: {_words(error)}") from error
    if not is_amount or value < 0:
        raise ValueError(f"{formula!r} gives {str(value)[:40]}, which is no amount")
    assert isinstance(value, int | float)
    return value


def _power(base: Any, exponent: Any) -> Any:
    """Raises OverflowError for what no float can hold, before whole numbers take minutes and gigabytes for it."""
    float(base) ** float(exponent)
    return base**exponent


@lru_cache(maxsize=1024)
def _parsed(formula: str) -> Any:
    from simpleeval import SimpleEval

    return SimpleEval.parse(formula)


def _words(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
