"""What anybody may have written in the place of an honest file or answer: changed in some spots, cut, scrambled."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

Example = TypeVar("Example")

LONGEST_SECONDS = 10.0
"""For one example of a few kilobytes, on a machine with much else to do."""

HOW_MANY = [100, pytest.param(10_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)])]


def tried(many: int, examples: st.SearchStrategy[Example], holds: Callable[[Example], None]) -> None:
    """`holds` for so many examples; the same ones at every ordinary run, others at every long one."""
    options: dict[str, Any] = {
        "deadline": timedelta(seconds=LONGEST_SECONDS),
        "derandomize": many <= 100,
        "database": None,
        "phases": [Phase.generate],  # a document of some kilobytes takes minutes to shrink
        "suppress_health_check": list(HealthCheck),
    }

    @settings(max_examples=many, **options)
    @given(examples)
    def holding(example: Example) -> None:
        holds(example)

    holding()


NUMBERS = st.one_of(
    st.integers(-3, 3),
    st.sampled_from([2**31, 2**63, -(2**63), 2**64, 10**400, -(10**400)]),
    st.sampled_from([0.5, -1.0, 1e-320, 5e-324, 1e308, 1.7e308, float("inf"), float("-inf"), float("nan")]),
    st.integers(),
    st.floats(),
)
STEERING = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202e\x00\r\b"
TEXTS = st.one_of(
    st.sampled_from(["", "\0", STEERING, "../../etc/passwd", "-", "\ud800", "a\nb", "[bold]x", "%s{0}", "9" * 50, "²"]),
    st.sampled_from(
        ["cpu", "cuda", "ok", "failed", "pypi", "conda", "existing", "existing:x", "float64", "1.0", "x@y"]
    ),
    st.text(max_size=20),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXTS, inner, max_size=4)),
    max_leaves=6,
)


def _places(node: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in inside:
        yield (*above, key)
        yield from _places(value, (*above, key))


@st.composite
def changed(draw: st.DrawFn, honest: Any) -> Any:
    """A document of which one to four parts are gone, or something else."""
    document = copy.deepcopy(honest)
    for _ in range(draw(st.integers(1, 4))):
        places = list(_places(document))
        if not places:
            break
        *above, last = draw(st.sampled_from(places))
        node = document
        for key in above:
            node = node[key]
        how = draw(st.sampled_from(["gone", "else", "alike", "alike", "alike", "deep", "more"]))
        if how == "gone":
            del node[last]
        elif how == "deep":
            for _ in range(draw(st.sampled_from([30, 400]))):
                node[last] = [node[last]]
        elif how == "more" and isinstance(node, dict):
            node[draw(TEXTS)] = draw(VALUES)
        elif how == "alike" and isinstance(node[last], int | float | str):
            node[last] = draw(TEXTS if isinstance(node[last], str) else NUMBERS)
        else:
            node[last] = draw(VALUES)
    return document


@st.composite
def scrambled(draw: st.DrawFn, honest: bytes) -> bytes:
    """A file that was cut, or of which some bytes are others."""
    content = bytearray(honest)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from([0, 1, 10, 1000]))
        content[at : at + length] = draw(st.one_of(st.just(b""), st.binary(max_size=20), st.just(b"[" * 3000)))
    return bytes(content)


def as_json(document: Any) -> bytes:
    """As JSON; halves of pairs as JSON writes them, and numbers that it has not."""
    return _deeply(lambda: json.dumps(document)).encode("ascii")


def as_toml(document: Any) -> bytes:
    """A table as TOML, in short: tables within it on one line."""
    lines = (f"{_key(name)} = {_toml(value)}" for name, value in document.items() if value is not None)
    return _deeply(lambda: "\n".join(lines)).encode("utf-8", "surrogatepass")


def _deeply(write: Callable[[], str]) -> str:
    """Some examples are nested too deeply for the writer, too; such a text is told by its brackets."""
    try:
        return write()
    except RecursionError:
        return "x = " + "[" * 5000


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_key(name)} = {_toml(each)}" for name, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, str):
        return json.dumps(value)
    return (
        {None: '"none"', True: "true", False: "false"}[value]
        if value is None or isinstance(value, bool)
        else repr(value)
    )


def _key(name: Any) -> str:
    return json.dumps(str(name))
