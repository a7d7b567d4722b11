"""The words of the sources: none of the phrases and none of the names that the project has left behind."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

COVERED = ("resources", "scripts", "specs", "src")
"""Folders of the repository, read with all that is below them; a finished package is added as src/mambench/<name>."""

ODD_PHRASES = ("be had", "mend", "not known here", "foretell", "foretold", "nobody to ask", "it is yours")
ODD = re.compile(rf"\b(?:{'|'.join(ODD_PHRASES)})", re.IGNORECASE)
"""At the start of a word: `mend` is also `mended`, and not `recommend`."""
SAY_NOTHING = {"place", "one", "found", "here"}
"""Names that do not tell what they hold: a home is `home`, a prefix `prefix`, a round `round_`."""


def sources() -> list[Path]:
    files = {file for folder in COVERED for file in (ROOT / folder).rglob("*.py")}
    assert all((ROOT / folder).is_dir() for folder in COVERED)
    return sorted(files)


def odd_phrases(tree: ast.AST) -> Iterator[str]:
    """Where a string or a docstring holds a phrase that is searched for by nobody."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = " ".join(node.value.split())
            yield from (f"{node.lineno}: {match.group()}" for match in ODD.finditer(text))


def names_that_say_nothing(tree: ast.AST) -> Iterator[str]:
    """Where a variable or a parameter has one of these names, however it gets its value."""
    for node in ast.walk(tree):
        match node:
            case (
                ast.Name(id=name, ctx=ast.Store())
                | ast.arg(arg=name)
                | ast.alias(asname=name)
                | ast.ExceptHandler(name=name)
                | ast.MatchAs(name=name)
                | ast.MatchStar(name=name)
            ) if name in SAY_NOTHING:
                yield f"{node.lineno}: {name}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_sources_use_plain_words(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
    assert [*odd_phrases(tree), *names_that_say_nothing(tree)] == []


def test_phrases_are_seen_in_strings_docstrings_and_templates() -> None:
    tree = ast.parse(
        '"""It cannot\nbe had."""\nf"{name} is not known here"\nsay("Mended; not recommended, nor behind")\n# to mend\n'
    )
    assert sorted(odd_phrases(tree)) == ["1: be had", "3: not known here", "4: Mend"]


def test_names_are_seen_wherever_they_get_a_value() -> None:
    tree = ast.parse(
        "import a as place\n"
        "def f(one, *, here: int): self.found = other.place\n"
        "for one in many: pass\n"
        "with a as here: pass\n"
        "if found := b: pass\n"
        "(here, [x for place, x in y])\n"
        "match a:\n    case {'b': found}: pass\n    case [*one]: pass\n"
    )
    assert sorted(names_that_say_nothing(tree)) == [
        "1: place",
        "2: here",
        "2: one",
        "3: one",
        "4: here",
        "5: found",
        "6: place",
        "8: found",
        "9: one",
    ]
