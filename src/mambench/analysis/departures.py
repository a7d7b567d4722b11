"""In what a node departs from the others: the reasons that it may have for being slow. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from mambench.analysis.changes import LOAD
from mambench.analysis.digest import DigestRow
from mambench.analysis.warnings import MAX_OTHER_CPU_PERCENT

MIN_READING = 0.10
"""A clock, a temperature or a power that differs by a smaller part explains nothing that a person would look into."""

MAX_PACKAGES = 3
"""Named in one sentence."""

UNITS = {LOAD: " % of the CPU", "clock": " MHz", "temperature": " °C", "power": " W"}
"""Of readings, by the end of their names."""
DISTURBED = "disturbed rounds"

Pairs = Iterable[tuple[str, str]]
Counts = Mapping[str, Counter[str]]
"""How many rows tell each value, by what it is about."""


@dataclass(frozen=True)
class Departure:
    """One thing that is not as most others have it; empty where it is not there or not told."""

    what: str
    value: str
    usual: str
    count: int
    """So many of the others have what is usual."""
    others: int
    is_package: bool = False
    is_reading: bool = False
    """A number, of which the median is usual; so many others tell one."""

    @property
    def words(self) -> str:
        """`microcode 0x2b000461, 198 of 199 others 0x2b000603`."""
        if self.is_reading:
            return f"{self.what} {self.value}, the median of others {self.usual}"
        nothing = "not there" if self.is_package else "not told"
        many = f"all {self.others:,}" if self.count == self.others > 1 else f"{self.count:,} of {self.others:,}"
        return f"{self.what} {self.value or nothing}, {many} others {self.usual or nothing}"


def sentence(told: Sequence[Departure]) -> str:
    """All of them in one line, of many packages the first few; or that there are none."""
    facts = [each.words for each in told if not each.is_package]
    packages = [each.words for each in told if each.is_package]
    more = [f"{len(packages) - MAX_PACKAGES} more packages differ"] if len(packages) > MAX_PACKAGES else []
    return "; ".join([*facts, *packages[:MAX_PACKAGES], *more]) or "nothing else differs that the reports tell"


class Usual:
    """What most of these rows have in common: one row for each node, all of one trial."""

    def __init__(self, rows: Sequence[DigestRow]) -> None:
        self._rows = rows
        self._facts, self._packages = _counts(map(_facts, rows)), _counts(row.surroundings.packages for row in rows)
        self._readings = _readings(rows)

    def departures(self, rows: Sequence[DigestRow], *, among: bool) -> tuple[Departure, ...]:
        """In what most of `rows`, which may be `among` those that this was made of, are not as most others.

        Machine, driver, BLAS and so on first, then clocks and loads, then packages.
        """
        others = len(self._rows) - len(rows) if among else len(self._rows)
        packages = _counts(row.surroundings.packages for row in rows)
        return (
            *self._differing(_counts(map(_facts, rows)), self._facts, len(rows), others),
            *self._other_readings(rows, others),
            *self._differing(packages, self._packages, len(rows), others, is_package=True),
        )

    def _differing(
        self, own: Counts, every: Counts, count: int, others: int, *, is_package: bool = False
    ) -> Iterator[Departure]:
        for what in dict.fromkeys((*own, *every)):
            value, usual = _most(own, what, count), _most(every, what, len(self._rows))
            if value is not None and usual is not None and value != usual:
                agreeing = every[what][usual] if usual else others - sum(every.get(what, Counter()).values()) + count
                yield Departure(what, value, usual, min(agreeing, others), others, is_package)

    def _other_readings(self, rows: Sequence[DigestRow], others: int) -> Iterator[Departure]:
        for what, values in _readings(rows).items():
            value, every = median(values), self._readings.get(what, [])
            usual = median(every) if every else value
            if what == LOAD:
                differs = value > max(usual, MAX_OTHER_CPU_PERCENT)
            else:
                differs = abs(value - usual) > MIN_READING * abs(usual)
            if differs:
                unit = next((unit for end, unit in UNITS.items() if what.endswith(end)), "")
                own, median_of_all = f"{value:,.0f}{unit}", f"{usual:,.0f}{unit}"
                yield Departure(what, own, median_of_all, min(len(every), others), others, is_reading=True)


def _facts(row: DigestRow) -> Iterator[tuple[str, str]]:
    """Without those of GPUs that this row is not about."""
    device = str(row.trial.device)
    for what, value in row.surroundings.facts:
        if "GPU " not in what or what.endswith(device):
            yield what, value
    yield DISTURBED, f"{row.disturbed_rounds} of {row.rounds}"


def _readings(rows: Iterable[DigestRow]) -> dict[str, list[float]]:
    told: dict[str, list[float]] = {}
    for row in rows:
        for what, value in (*row.readings, (LOAD, row.other_cpu_percent)):
            told.setdefault(what, []).append(value)
    return told


def _counts(rows: Iterable[Pairs]) -> dict[str, Counter[str]]:
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        for what, value in row:
            counts.setdefault(what, Counter())[value] += 1
    return counts


def _most(counts: Counts, what: str, count: int) -> str | None:
    """What more than half of so many rows tell, empty where most tell nothing; None where there is no such value."""
    told = counts.get(what, Counter())
    value, times = max(told.items(), key=lambda each: each[1], default=("", 0))
    if times * 2 > count:
        return value
    return "" if 2 * sum(told.values()) < count else None
