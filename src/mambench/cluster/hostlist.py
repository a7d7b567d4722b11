"""Pure: Slurm's short forms of many names and numbers."""

from __future__ import annotations

import itertools
import re

_PARTS = re.compile(r"((?:\[[^\]]*\]|[^,\[\]])+)")
_BRACKETS = re.compile(r"\[([^\]]*)\]")


def expanded(nodes: str) -> list[str]:
    """`n[01-03,7],m1` as the names of nodes, in their order. Source: the man page of scontrol, show hostnames."""
    return [name for part in _PARTS.findall(nodes) for name in _one(part.strip())]


def _one(part: str) -> list[str]:
    texts = _BRACKETS.split(part)  # every second is what stood in brackets
    choices = [numbers(text) if number % 2 else [text] for number, text in enumerate(texts)]
    return ["".join(each) for each in itertools.product(*choices)]


def numbers(ranges: str) -> list[str]:
    """`0-2,5` or `08-10` as numbers, with the zeros in front."""
    listed: list[str] = []
    for text in filter(None, ranges.split(",")):
        first, _, last = text.partition("-")
        if first.isdigit() and last.isdigit():
            listed += [str(number).zfill(len(first)) for number in range(int(first), int(last) + 1)]
        else:
            listed.append(text)
    return listed


def shortened(names: list[str], most: int = 5) -> str:
    """`n1, n2 and 12 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
