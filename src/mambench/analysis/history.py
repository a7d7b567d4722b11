"""One trial over time: its number in each report, and what changed from one to the next. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from mambench.analysis.changes import LOAD, Change, changes
from mambench.analysis.compare import Difference, Verdict, between, proven, verdict_of
from mambench.analysis.digest import Digest, DigestRow
from mambench.model import Trial


@dataclass(frozen=True)
class Point:
    """A trial in one report; what it is compared with is the measured one before it, where there is one."""

    digest: Digest
    row: DigestRow
    difference: Difference | None = None
    verdict: Verdict | None = None
    changes: tuple[Change, ...] = ()
    """Packages, driver, methodology and so on, but not what else the machine did."""

    @property
    def rate(self) -> float | None:
        """None where the row cannot be trusted."""
        return self.row.rate if self.row.verified else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Of these GFLOPS."""
        seconds = self.row.seconds
        if not self.row.verified or seconds is None or seconds.low is None or seconds.high is None:
            return None
        work = self.row.trial.work
        return work / seconds.high, work / seconds.low


def histories(digests: Iterable[Digest]) -> dict[Trial, list[Point]]:
    """Every trial with its points, the oldest first; the trials of the newest reports first."""
    ordered = sorted(digests, key=lambda each: each.created)
    trials: dict[Trial, list[tuple[Digest, DigestRow]]] = {}
    for digest in reversed(ordered):
        for row in digest.rows:
            trials.setdefault(row.trial, []).append((digest, row))
    return {trial: _history(seen[::-1]) for trial, seen in trials.items()}


def _history(seen: Sequence[tuple[Digest, DigestRow]]) -> list[Point]:
    points: list[Point] = []
    before: Point | None = None
    for digest, row in seen:
        point = Point(digest, row)
        if row.verified:
            point = before = point if before is None else _after(before, point)
        points.append(point)
    return _decided(points)


def _after(before: Point, point: Point) -> Point:
    """With what it is beside the one before; numbers of another methodology are not compared."""
    methodologies = before.digest.methodology, point.digest.methodology
    other = methodologies[0] != methodologies[1]
    marks = [Change("methodology", str(methodologies[0]), str(methodologies[1]))] if other else []
    if before.digest.machine != point.digest.machine:
        marks.append(Change("machine", before.digest.machine, point.digest.machine))
    marks += [each for each in changes([before.row], [point.row]) if each.what != LOAD]
    difference = None if other else between([before.row], [point.row])
    return replace(point, difference=difference, changes=tuple(marks))


def _decided(points: Sequence[Point]) -> list[Point]:
    """Holm's procedure over the steps of one history."""
    holds = proven([point.difference.p_value if point.difference else None for point in points])
    return [_with_verdict(point, proven=each) for point, each in zip(points, holds, strict=True)]


def _with_verdict(point: Point, *, proven: bool) -> Point:
    difference = point.difference
    if difference is None or difference.p_value is None:
        return point
    return replace(point, verdict=verdict_of(difference.ratio, proven=proven))


def beside_the_one_before(point: Point) -> str:
    """`1.03x, no difference`; empty where there is nothing to compare."""
    if point.difference is None:
        return ""
    words = {"faster": "faster", "slower": "slower", "same": "no difference", None: "too few rounds"}
    return f"{point.difference.ratio:.2f}x, {words[point.verdict]}"
