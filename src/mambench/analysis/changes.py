"""What was different around two measurements of one trial: the reasons that a difference may have. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mambench.analysis.digest import DigestRow
from mambench.analysis.warnings import MAX_OTHER_CPU_PERCENT
from mambench.analysis.words import percent

LOAD = "background load"


@dataclass(frozen=True, order=True)
class Change:
    """One thing that was not the same; empty where a side does not have or tell it."""

    what: str
    before: str
    after: str
    is_package: bool = False

    @property
    def words(self) -> str:
        """`numpy 2.4.5, now 2.4.6`."""
        before, after = (
            (self.before or "not there", self.after or "not there")
            if self.is_package
            else (self.before or "not told", self.after or "not told")
        )
        return f"{self.what} {before}, now {after}"


def changes(before: Sequence[DigestRow], after: Sequence[DigestRow]) -> tuple[Change, ...]:
    """Machine, driver, BLAS, threads, governor and so on, then packages, then what else the processor did."""
    facts = _differences(_facts(before), _facts(after), is_package=False)
    packages = _differences(_packages(before), _packages(after), is_package=True)
    return (*facts, *packages, *_load(before, after))


def _differences(before: Mapping[str, str], after: Mapping[str, str], *, is_package: bool) -> list[Change]:
    names = dict.fromkeys((*before, *after))
    pairs = ((name, before.get(name, ""), after.get(name, "")) for name in names)
    return [Change(name, old, new, is_package) for name, old, new in pairs if old != new]


def _facts(rows: Iterable[DigestRow]) -> dict[str, str]:
    return _told(pair for row in rows for pair in row.surroundings.facts)


def _packages(rows: Iterable[DigestRow]) -> dict[str, str]:
    return _told(pair for row in rows for pair in row.surroundings.packages)


def _told(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each name with what it was, all of it where sessions of one side differ."""
    values: dict[str, set[str]] = {}
    for name, words in pairs:
        values.setdefault(name, set()).add(words)
    return {name: " or ".join(sorted(words)) for name, words in values.items()}


def _load(before: Iterable[DigestRow], after: Iterable[DigestRow]) -> list[Change]:
    """Named as soon as one side was disturbed, though both may have been."""
    old, new = (max(row.other_cpu_percent for row in rows) for rows in (before, after))
    if max(old, new) <= MAX_OTHER_CPU_PERCENT:
        return []
    return [Change(LOAD, f"up to {percent(old)} of the CPU", f"up to {percent(new)}")]
